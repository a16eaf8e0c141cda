//! The demo: a server, an agent, people with keys, a ticket and a hook that both signed, here and now, in one directory.
//! `--once` ends when the packet is on the ticket, with a failure if anything was not as it should be.
#![allow(clippy::print_stdout, clippy::print_stderr)]
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use boathook_hooks::{documents::root::Bounds, keys::SecretKey, time::Time};
use boathook_tests::{
    postgres::{self, Postgres},
    world::{World, agent::Agent, server::Settings, text::HookText},
};
use clap::Parser;
use serde_json::Value;

#[derive(Parser)]
#[command(
    about = "A server, an agent and a support packet on a ticket, on this machine, in one directory."
)]
struct Args {
    /// End when the packet is on the ticket; fail if anything went wrong.
    #[arg(long)]
    once: bool,
    /// Everything is kept here. Made anew at each start.
    #[arg(long, default_value = ".demo")]
    dir: PathBuf,
    /// More sections of the server's settings, from this file.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

/// Stands in the demo's log, and must not stand in the packet.
const SECRET: &str = "hunter2-of-the-demo";

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match demo(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what happened, and when since the start.
struct Timeline(Instant);

impl Timeline {
    fn say(&self, what: &str) {
        println!(
            "{:>8.1} ms  {what}",
            self.0.elapsed().as_secs_f64() * 1000.0
        );
    }
}

async fn demo(args: &Args) -> Result<()> {
    let dir = fresh_directory(&args.dir)?;
    println!("boathook demo in {}\n", dir.display());
    let t = Timeline(Instant::now());

    let more = match &args.settings {
        Some(path) => std::fs::read_to_string(path).context("reading --settings")?,
        None => String::new(),
    };
    let settings = Settings {
        config: &more,
        ..Settings::default()
    };
    let world = World::at(&dir, &settings, Bounds::default()).await?;
    t.say(&format!(
        "server at {} (its certificate is signed by {}/server/ca.pem)",
        world.origin(),
        dir.display()
    ));
    t.say("root and roster signed by two holders each; customer acme; people ada (author) and ben (reviewer); ticket SUP-1");
    keep_keys(&world, &dir.join("people"))?;

    let postgres = Postgres::start();
    match &postgres {
        Ok(p) => t.say(&format!("a Postgres at 127.0.0.1:{}", p.port)),
        Err(why) => t.say(&format!(
            "no Postgres here ({why:#}): its section will say so"
        )),
    }
    let port = postgres.as_ref().map_or(5432, |p| p.port);
    let agent = start_agent(&world, &dir)?.enroll(&world).await?;
    t.say("agent app-01 enrolled and polling");

    let text = hook_text(&dir, port);
    std::fs::write(dir.join("hook.toml"), &text)?;
    let hook = world.submit(&text).await?;
    t.say("ada sent the hook db-and-logs to review");
    world.sign(&world.ada, &world.house.ada.file, &hook).await?;
    t.say("ada signed revision 1");
    world.sign(&world.ben, &world.house.ben.file, &hook).await?;
    let signed = Instant::now();
    t.say("ben signed it too: published");
    let packet = world.packet(&hook).await?;
    t.say(&format!(
        "the packet is on ticket SUP-1, {:.1} ms after the second signature",
        signed.elapsed().as_secs_f64() * 1000.0
    ));

    let zip = save(&world, &packet, &dir).await?;
    show(&packet, &zip)?;
    verdict(&packet, &zip, postgres.is_ok())?;
    if args.once {
        println!("\nAll as it should be.");
        return Ok(());
    }
    for_the_pages(&world).await?;
    how_to_go_on(&world, &dir, &agent);
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// Only a directory that an earlier demo made is cleared.
fn fresh_directory(dir: &Path) -> Result<PathBuf> {
    let mark = dir.join("made-by-boathook-demo");
    if dir.exists() {
        let empty = std::fs::read_dir(dir)?.next().is_none();
        ensure!(
            empty || mark.exists(),
            "{} exists and no demo made it: name another with --dir",
            dir.display()
        );
        std::fs::remove_dir_all(dir)?;
    }
    std::fs::create_dir_all(dir)?;
    std::fs::write(&mark, "")?;
    Ok(dir.canonicalize()?)
}

fn keep_keys(world: &World, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let house = &world.house;
    let keys: [(&str, &SecretKey); 4] = [
        ("ada", &house.ada.file),
        ("ben", &house.ben.file),
        ("rita", &house.rita),
        ("rolf", &house.rolf),
    ];
    for (name, key) in keys {
        let path = dir.join(format!("{name}.pem"));
        std::fs::write(&path, key.to_pem()?.as_bytes())?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    std::fs::write(dir.join("root.bson"), world.root.to_bson()?)?;
    Ok(())
}

/// An agent that is not enrolled yet, with a log that holds a secret.
struct Prepared(Agent);

fn start_agent(world: &World, dir: &Path) -> Result<Prepared> {
    let home = dir.join("app-01");
    let logs = home.join("log");
    std::fs::create_dir_all(&logs)?;
    let now = Time::wall_clock();
    std::fs::write(
        logs.join("app.log"),
        format!(
            "{now} INFO listening on 127.0.0.1:8065\n{now} WARN slow query: 4211 ms\n\
             {now} ERROR cannot connect: postgres://app:{SECRET}@db.internal/app\n{now} DEBUG Authorization: Bearer {SECRET}\n"
        ),
    )?;
    let policy = format!(
        "consent = \"auto\"\n[allow]\ndirectories = [\"/var/log\", \"{}\"]\n[[allow.commands]]\npath = \"/bin/uname\"\nargs = [\"-a\"]\n\
         [agent]\nallow_root = true\n",
        logs.display()
    );
    let agent = Agent::prepare(&home, "app-01", &policy)?;
    agent.credentials(&format!(
        "[shop]\nuser = \"{}\"\npassword = \"{}\"\n",
        postgres::ROLE,
        postgres::PASSWORD
    ))?;
    ensure!(world.path().exists(), "the demo's directory is gone");
    Ok(Prepared(agent))
}

impl Prepared {
    async fn enroll(mut self, world: &World) -> Result<Agent> {
        self.0.enroll(&world.join("acme", 1).await?)?;
        self.0.start()?;
        Ok(self.0)
    }
}

fn hook_text(dir: &Path, port: u16) -> String {
    HookText::new("Database and logs")
        .everything(
            &format!("{}/app-01/log/*.log", dir.display()),
            port,
            postgres::DATABASE,
        )
        .to_string()
}

async fn save(world: &World, packet: &Value, dir: &Path) -> Result<PathBuf> {
    let claim = packet["claim_id"].as_str().context("no claim_id")?;
    let name = packet["name"].as_str().context("no name")?;
    let bytes = world.ada.bytes(&format!("packets/{claim}/zip")).await?;
    let path = dir.join(name);
    std::fs::write(&path, &bytes)?;
    Ok(path)
}

fn show(packet: &Value, zip: &Path) -> Result<()> {
    println!("\nThe packet {}", zip.display());
    for section in packet["statement"]["sections"]
        .as_array()
        .context("no sections")?
    {
        let text = |key: &str| section[key].as_str().unwrap_or_default().to_owned();
        let reason = text("reason");
        let why = if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        };
        println!(
            "  {:<10} {}{why} ({} ms)",
            text("name"),
            text("outcome"),
            section["elapsed_ms"]
        );
        for file in section["files"].as_array().into_iter().flatten() {
            let redactions = file["redactions"].as_object().filter(|r| !r.is_empty());
            let redacted = redactions
                .map(|r| {
                    let kinds: Vec<_> = r.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
                    format!(", redacted: {}", kinds.join(", "))
                })
                .unwrap_or_default();
            println!(
                "    {} ({} bytes{redacted})",
                file["path"].as_str().unwrap_or_default(),
                file["bytes"]
            );
        }
    }
    Ok(())
}

/// What must hold of the demo's packet.
fn verdict(packet: &Value, zip: &Path, with_postgres: bool) -> Result<()> {
    let sections = packet["statement"]["sections"]
        .as_array()
        .context("no sections")?;
    let outcome = |name: &str| {
        let section = sections.iter().find(|s| s["name"] == name);
        section
            .and_then(|s| s["outcome"].as_str())
            .unwrap_or("missing")
            .to_owned()
    };
    for name in ["host", "logs", "kernel", "processes"] {
        ensure!(
            outcome(name) == "ok",
            "the section {name} is {}",
            outcome(name)
        );
    }
    let database = outcome("database");
    ensure!(
        database == if with_postgres { "ok" } else { "failed" },
        "the section database is {database}"
    );
    ensure!(
        outcome("journal") != "missing",
        "the section journal is missing"
    );
    let mut zip = zip::ZipArchive::new(std::fs::File::open(zip)?)?;
    for at in 0..zip.len() {
        let mut text = Vec::new();
        let mut file = zip.by_index(at)?;
        std::io::Read::read_to_end(&mut file, &mut text)?;
        let leaked = [SECRET, postgres::PASSWORD]
            .iter()
            .any(|s| text.windows(s.len()).any(|w| w == s.as_bytes()));
        ensure!(!leaked, "a secret stands in entry {at} of the packet");
    }
    Ok(())
}

/// A viewer, and a hook that waits for its review.
async fn for_the_pages(world: &World) -> Result<()> {
    let vera = serde_json::json!({
        "person": "vera", "name": "Vera", "password": boathook_tests::world::PASSWORD,
        "roles": [{"role": "viewer", "customers": ["acme"]}],
    });
    world.admin.post("users", vera).await?;
    let text = HookText::new("What the host says")
        .collect("host", "host", "")
        .to_string();
    world.submit(&text).await?;
    Ok(())
}

fn how_to_go_on(world: &World, dir: &Path, agent: &Agent) {
    let d = dir.display();
    let exe = std::env::current_exe().unwrap_or_default();
    let bin = exe.parent().unwrap_or(Path::new("target/debug"));
    println!(
        r#"
The pages: {origin} (the browser will not know the certificate's signer: {d}/server/ca.pem)
  sign in as ada (author), ben (reviewer), vera (viewer) or root-admin (admin); everybody's password is: {password}
  SUP-1 has a hook with its packet, and one that waits for review

By hand (README.md tells the whole walk)
  export PATH={bin}:$PATH BOATHOOK_CONFIG_DIR={d}/ada
  boathook login {origin} --ca {d}/server/ca.pem --person ada
  boathook ticket show jira/SUP-1
  boathook packet list --ticket jira/SUP-1
  boathook hook new {d}/hook.toml
  boathook-agent --config {config} status
  boathook-agent --config {config} ledger
  curl --cacert {d}/server/ca.pem {origin}/api/v1/openapi.json
Keys of ada and ben are in {d}/people. Ctrl-C ends server and agent; all of it is in {d}."#,
        password = boathook_tests::world::PASSWORD,
        origin = world.origin(),
        config = agent.config.display(),
        bin = bin.display(),
    );
}
