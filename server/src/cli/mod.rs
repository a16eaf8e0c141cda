//! The commands of `boathook-server`. Each reads its arguments, calls what the API calls too, and prints.
mod audit;
mod customers;
mod erase;
mod gc;
mod init;
mod instances;
mod keys;
mod logging;
mod migrate;
mod out;
mod password;
mod serve;
mod set_up;
mod store;
mod trust;
mod users;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{Clock, Shared},
    config::Config,
    errors::Problem,
    listeners, tls,
};

/// The server of boathook: hooks go out to instances, packets come back to tickets.
#[derive(Parser)]
#[command(name = "boathook-server", version, max_term_width = 100)]
struct Args {
    /// The config file.
    #[arg(
        long,
        global = true,
        env = "BOATHOOK_SERVER_CONFIG",
        default_value = "/etc/boathook-server/boathook-server.toml"
    )]
    config: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve agents and people until SIGTERM or ctrl-C; then drain.
    Serve(serve::Args),
    /// Make the data directory, the keys and the store; prints the online public key for the root.
    Init(init::Args),
    /// A new link by which the first admin is made in a browser; it works once and for 24 hours.
    SetUpLink(set_up::Args),
    /// Move the store's schema.
    Migrate(migrate::Args),
    /// People who may sign in.
    #[command(subcommand)]
    User(users::Command),
    /// Customers.
    #[command(subcommand)]
    Customer(customers::Command),
    /// Make a join string, by which instances enrol. It is a secret and is shown once.
    JoinToken(customers::JoinToken),
    /// Instances.
    #[command(subcommand)]
    Instance(instances::Command),
    /// Roots, rosters and revocations.
    #[command(subcommand)]
    Trust(trust::Command),
    /// The keys that servers share.
    #[command(subcommand)]
    Keys(keys::Command),
    /// The audit's chains.
    #[command(subcommand)]
    Audit(audit::Command),
    /// The store as a whole.
    #[command(subcommand)]
    Store(store::Command),
    /// Erase packets and instances for good.
    #[command(subcommand)]
    Erase(erase::Command),
    /// Delete chunks of uploads that can never become a packet.
    Gc(gc::Args),
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return out::fail(&anyhow::Error::new(error).context("cannot start")),
    };
    match runtime.block_on(run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => out::fail(&error),
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let out = out::Out { json: args.json };
    if let Command::Init(init) = args.command {
        return init::run(&args.config, init, &out).await;
    }
    let config = Config::read(&args.config).with_context(|| {
        "the settings cannot be used; --config FILE names another file, `boathook-server init` makes one"
    })?;
    logging::start(&config.log, matches!(args.command, Command::Serve(_)))?;
    match args.command {
        Command::Serve(args) => serve::run(config, args).await,
        Command::Init(_) => Ok(()),
        Command::Keys(command) => keys::run(&config, command, &out).await,
        Command::SetUpLink(args) => set_up::run(&config, args, &out).await,
        Command::Store(command) => store::run(&config, command, &out).await,
        Command::Migrate(args) => migrate::run(&config, args, &out).await,
        Command::User(command) => users::run(&*open(config).await?, command, &out).await,
        Command::Customer(command) => customers::run(&*open(config).await?, command, &out).await,
        Command::JoinToken(args) => customers::join_token(&*open(config).await?, args, &out).await,
        Command::Instance(command) => instances::run(&*open(config).await?, command, &out).await,
        Command::Trust(command) => trust::run(&*open(config).await?, command, &out).await,
        Command::Audit(command) => audit::run(&*open(config).await?, command, &out).await,
        Command::Erase(command) => erase::run(&*open(config).await?, command, &out).await,
        Command::Gc(args) => gc::run(&*open(config).await?, args, &out).await,
    }
}

/// The server's state without listeners. Safe beside a running server: the store is shared, and that server reads
/// the control log.
async fn open(config: Config) -> anyhow::Result<Shared> {
    let ca_pem = tls::ca_pem(&config)?;
    Ok(listeners::open(config, Clock::Wall, ca_pem, CancellationToken::new()).await?)
}

/// A problem in words for the terminal.
fn words(problem: Problem) -> anyhow::Error {
    let mut text = problem.detail;
    if let Some(field) = problem.field {
        text = format!("{field}: {text}");
    }
    match problem.expected {
        Some(expected) => anyhow::anyhow!("{text}; expected {expected}"),
        None => anyhow::anyhow!(text),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::{Command, CommandFactory as _};

    /// Every command and every argument that has no help, by its path.
    fn blank(path: &str, command: &Command, found: &mut Vec<String>) {
        if command.get_about().is_none() {
            found.push(path.to_owned());
        }
        let args = command.get_arguments().filter(|a| a.get_help().is_none());
        found.extend(args.map(|a| format!("{path} {}", a.get_id())));
        for sub in command.get_subcommands() {
            blank(&format!("{path} {}", sub.get_name()), sub, found);
        }
    }

    #[test]
    fn help_says_what_every_command_and_every_argument_is() {
        let mut found = Vec::new();
        blank("boathook-server", &super::Args::command(), &mut found);
        assert!(found.is_empty(), "without help: {found:#?}");
    }
}
