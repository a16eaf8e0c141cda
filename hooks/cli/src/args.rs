//! The command line whole, and the way from it to the commands.
use std::path::PathBuf;

use boathook_hooks::time::Time;
use clap::{Parser, Subcommand};

use crate::{
    commands::{
        Ctx, audit, explain, hook, inspect, instance, keygen, lint, login, packet, revoke, root,
        roster, sign, ticket, trust, verify, watch,
    },
    error::{Error, Result},
    out::Out,
};

#[derive(Debug, Parser)]
#[command(
    name = "boathook",
    version,
    about = "Asks instances for support packets, with signed hooks",
    max_term_width = 120
)]
pub struct Cli {
    /// Say everything as one JSON value on stdout; errors as one on stderr.
    #[arg(long, global = true)]
    pub json: bool,
    /// Where sign-ins are kept [default: $XDG_CONFIG_HOME/boathook or ~/.config/boathook]
    #[arg(long, global = true, value_name = "DIR", env = "BOATHOOK_CONFIG_DIR")]
    pub config_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an Ed25519 key in a file for its owner alone.
    Keygen(keygen::KeygenArgs),
    /// Roots: who holds which keys, with what thresholds and bounds.
    #[command(subcommand)]
    Root(root::RootCommand),
    /// Rosters: whose signatures count, for which customers.
    #[command(subcommand)]
    Roster(roster::RosterCommand),
    /// Sign a root, roster, hook or revocation.
    Sign(sign::SignArgs),
    /// Take back a key, a person, a hook or a template.
    Revoke(revoke::RevokeArgs),
    /// Tell every fault of a hook's authoring file.
    Lint(lint::LintArgs),
    /// Tell what a hook reads, runs, contacts and sends.
    Explain(explain::ExplainArgs),
    /// Tell what a file is and says, without judging it.
    Inspect(inspect::InspectArgs),
    /// Prove a hook, a packet, a receipt, an export of the audit or a trust document.
    Verify(Box<verify::VerifyArgs>),
    /// Sign in to a server.
    Login(login::LoginArgs),
    /// Sign out, and forget the token.
    Logout,
    /// Tickets, which live elsewhere and are known here.
    #[command(subcommand)]
    Ticket(ticket::TicketCommand),
    /// Hooks on the server: draft, review, sign, publish, stop.
    #[command(subcommand)]
    Hook(hook::HookCommand),
    /// Tell how a ticket's hooks or one hook stands, a line at each change.
    Watch(watch::WatchArgs),
    /// Packets that came in.
    #[command(subcommand)]
    Packet(packet::PacketCommand),
    /// Instances of customers.
    #[command(subcommand)]
    Instance(instance::InstanceCommand),
    /// The server's trust documents.
    #[command(subcommand)]
    Trust(trust::TrustCommand),
    /// The record of everything that was done.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

/// Runs one command.
///
/// # Errors
/// Whatever went wrong, with its next step; see [`Error::exit_code`].
pub async fn run(cli: Cli, out: Out) -> Result<()> {
    let config_dir = config_dir(cli.config_dir)?;
    let mut ctx = Ctx {
        out,
        config_dir,
        now: Time::wall_clock(),
    };
    match &cli.command {
        Command::Keygen(args) => keygen::run(&mut ctx, args),
        Command::Root(command) => root::run(&mut ctx, command),
        Command::Roster(command) => roster::run(&mut ctx, command),
        Command::Sign(args) => sign::run(&mut ctx, args).await,
        Command::Revoke(args) => revoke::run(&mut ctx, args).await,
        Command::Lint(args) => lint::run(&mut ctx, args),
        Command::Explain(args) => explain::run(&mut ctx, args).await,
        Command::Inspect(args) => inspect::run(&mut ctx, args),
        Command::Verify(args) => verify::run(&mut ctx, args),
        Command::Login(args) => login::run(&mut ctx, args).await,
        Command::Logout => login::logout(&mut ctx).await,
        Command::Ticket(command) => ticket::run(&mut ctx, command).await,
        Command::Hook(command) => hook::run(&mut ctx, command).await,
        Command::Watch(args) => watch::run(&mut ctx, args).await,
        Command::Packet(command) => packet::run(&mut ctx, command).await,
        Command::Instance(command) => instance::run(&mut ctx, command).await,
        Command::Trust(command) => trust::run(&mut ctx, command).await,
        Command::Audit(command) => audit::run(&mut ctx, command).await,
    }
}

fn config_dir(given: Option<PathBuf>) -> Result<PathBuf> {
    let of = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    given
        .or_else(|| of("XDG_CONFIG_HOME").map(|dir| dir.join("boathook")))
        .or_else(|| of("HOME").map(|dir| dir.join(".config/boathook")))
        .ok_or_else(|| {
            Error::usage(
                "there is no HOME to keep sign-ins in",
                "give --config-dir DIR",
            )
        })
}
