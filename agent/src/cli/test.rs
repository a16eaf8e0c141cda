//! `test`: a hook tried at the terminal. It is not signed, so its result is only shown here, and never spooled.
use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use boathook_hooks::{
    authoring::{self, Fault, Fills, Severity},
    collectors,
    documents::{hook::Hook, root::Bounds},
    explain::{explain, printable},
    ids::Blob,
    keys::SecretKey,
    packet::{
        CheckLimits, CheckedPacket, Consent, Mode, Outcome, RunFacts, Statement, check_unknown,
    },
    strict,
    time::Time,
    verify::Trial,
};

use super::{Out, size};
use crate::{
    child::{
        Run, RunEnd, run_child,
        wire::{Job, RunKind},
    },
    config::{Config, MAX_FILE},
    daemon,
    policy::{Credentials, Decision, Policy, Ready, Used, decide},
    run::Packer,
    trust,
};

#[derive(clap::Args)]
pub struct Args {
    /// The hook as TOML.
    hook: PathBuf,
    /// Show what the files hold, too.
    #[arg(long)]
    contents: bool,
}

pub async fn run(config: &Config, file: &Path, args: Args, out: Out) -> anyhow::Result<()> {
    let policy = Policy::load(config, file)?;
    daemon::check_user(&policy, rustix::process::geteuid().is_root())?;
    let credentials = Credentials::load(&config.credentials)?;
    let now = Time::wall_clock();
    let hook = read(&args.hook, now)?;
    let bounds = trust::load(&config.state_dir)
        .ok()
        .map(|t| t.root().bounds.clone());
    let trial = Trial::new(hook)?;
    let open = Policy {
        quiet: None,
        ..policy
    };
    let usual = Bounds::default();
    let ready = match decide(
        &trial,
        bounds.as_ref().unwrap_or(&usual),
        &open,
        &credentials,
        Used::default(),
        now,
        0,
    ) {
        Decision::Run(ready) => ready,
        Decision::Refused(reason) | Decision::NotNow { reason, .. } => anyhow::bail!(reason),
    };
    if !out.json {
        println!("{}", explain(&trial, bounds.as_ref()));
    }
    let mut zip = collect(&trial, &open, &credentials, &ready, now).await?;
    let checked = check_unknown(&mut zip, CheckLimits::zip_bytes(ready.packet_bytes))
        .context("the packet that was made here does not hold")?;
    let statement = checked.statement().clone();
    out.say(&statement, || summary(&statement))?;
    if args.contents && !out.json {
        show(&checked, &statement, &mut zip)?;
    }
    Ok(())
}

/// The hook in a TOML file, with placeholders for what only the server gives. All faults in one error.
pub fn read(path: &Path, now: Time) -> anyhow::Result<Hook> {
    let mut text = String::new();
    File::open(path)
        .and_then(|f| f.take(MAX_FILE).read_to_string(&mut text))
        .with_context(|| format!("reading {}", path.display()))?;
    let faulty = |faults: Vec<Fault>| {
        let lines: Vec<String> = faults
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .map(ToString::to_string)
            .collect();
        anyhow::anyhow!("{}:\n  {}", path.display(), lines.join("\n  "))
    };
    let draft = authoring::parse(&text).map_err(faulty)?;
    let fills = Fills::preview(now).context("the placeholders of a preview")?;
    draft.into_hook(fills).map_err(faulty)
}

/// Runs the child as a real run would, through the same door, into a file without a name.
async fn collect(
    trial: &Trial<Hook>,
    policy: &Policy,
    credentials: &Credentials,
    ready: &Ready,
    now: Time,
) -> anyhow::Result<File> {
    let hook: &Hook = trial;
    let door = policy.door(credentials)?;
    let profile = hook.redaction.clone();
    let facts = RunFacts {
        mode: Mode::Trial,
        hook: None,
        subject: Some(hook.subject.clone()),
        claim: None,
        instance: None,
        customer: None,
        policy: policy.digest,
        consent: Consent::Terminal,
        signed_by: Vec::new(),
        privileges: Vec::new(),
        agent_version: crate::VERSION.to_owned(),
        started_at: now,
    };
    let named: Vec<String> = hook
        .collectors
        .iter()
        .filter_map(|e| {
            collectors::parse(&e.collector, &e.params)
                .ok()?
                .credential()
                .map(str::to_owned)
        })
        .collect();
    let job = Job {
        kind: RunKind::Trial,
        work: Blob(strict::encode(hook)?),
        trust: Blob(Vec::new()),
        me: None,
        now,
        grants: policy.grants.clone(),
        credentials: credentials.named(named.iter().map(String::as_str)),
        run_ms: ready.run_ms,
        total_bytes: ready.total_bytes,
        skip: Vec::new(),
    };
    let file = tempfile::tempfile().context("making a file for the result")?;
    let mut packer = Packer::new(file, facts, ready.packet_bytes, move || {
        door.redactor(Some(&profile))
    });
    let run = Run::new(job, hook.collectors.clone());
    let interrupt = async {
        // Without a handler the signal ends this process, and with it the child.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let interrupted = match run_child(run, interrupt, |frame| packer.take(frame)).await? {
        RunEnd::Refused(refused) => anyhow::bail!("the collecting process refused: {refused}"),
        RunEnd::Crashed(reason) if !packer.begun() => anyhow::bail!(reason),
        RunEnd::Stopped => true,
        RunEnd::Finished | RunEnd::TimedOut | RunEnd::Crashed(_) => false,
    };
    let key = SecretKey::generate()?;
    let (mut file, _) = packer.finish(Time::wall_clock(), interrupted, &key)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

fn summary(statement: &Statement) -> String {
    let mut text = String::from("Nothing was sent. A packet would hold:\n");
    for section in &statement.sections {
        text += &format!(
            "\n{} ({}): {}",
            section.name,
            section.collector,
            section.outcome.as_str()
        );
        if section.outcome != Outcome::Ok {
            text += &format!(", {}", printable(&section.reason));
        }
        text += &format!(" [{} ms]\n", section.elapsed_ms);
        for file in &section.files {
            let hidden: u64 = file.redactions.values().sum();
            text += &format!("  {}  {}", printable(&file.path), size(file.bytes));
            if hidden > 0 {
                text += &format!(", {hidden} redacted");
            }
            if file.raw {
                text += ", without redaction";
            }
            text.push('\n');
        }
        for left in &section.left_out {
            text += &format!("  left out: {}\n", printable(&left.text));
        }
    }
    text += &format!("\nThe run's rights: {}\n", statement.privileges.join("; "));
    text
}

fn show(checked: &CheckedPacket, statement: &Statement, zip: &mut File) -> anyhow::Result<()> {
    for file in statement.sections.iter().flat_map(|s| &s.files) {
        let mut bytes = Vec::new();
        checked
            .file(zip, &file.path)?
            .take(file.bytes)
            .read_to_end(&mut bytes)?;
        println!("\n== {}", printable(&file.path));
        for line in String::from_utf8_lossy(&bytes).lines() {
            println!("{}", printable(line));
        }
    }
    Ok(())
}
