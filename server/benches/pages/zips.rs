//! Packets as agents write them: real zips, with a statement that is signed, small but for a few to be read in.
use std::io::Cursor;

use anyhow::{Context as _, Result};
use boathook_hooks::{
    documents::hook::Hook,
    ids::{ClaimId, CustomerId, Digest},
    packet::{
        Consent, Content, Finished, HookRef, Mode, Outcome, PacketWriter, RunFacts, WriteLimits,
    },
    redaction::Redactor,
    time::Time,
};

use crate::sites::instance_key;

/// What a packet is about.
pub struct About<'a> {
    pub hook: &'a Hook,
    pub digest: Digest,
    pub claim: &'a ClaimId,
    pub customer: &'a CustomerId,
    pub at: Time,
    /// Lines of its log.
    pub lines: u32,
    /// Whether its last section failed.
    pub fails: bool,
}

fn facts(about: &About<'_>) -> Result<RunFacts> {
    let people = ["ada", "ben"].map(|p| p.parse().map_err(anyhow::Error::msg));
    Ok(RunFacts {
        mode: Mode::Verified,
        hook: Some(HookRef {
            digest: about.digest,
            id: about.hook.id.clone(),
            revision: about.hook.revision,
        }),
        subject: Some(about.hook.subject.clone()),
        claim: Some(about.claim.clone()),
        instance: Some(about.claim.instance.clone()),
        customer: Some(about.customer.clone()),
        policy: Digest::of(b"no policy"),
        consent: Consent::Auto,
        signed_by: people.into_iter().collect::<Result<_>>()?,
        privileges: Vec::new(),
        agent_version: "0.1.0".into(),
        started_at: about.at,
    })
}

fn log(lines: u32) -> Vec<u8> {
    let line = |n: u32| {
        let (ms, word) = (
            n * 7 % 1_000,
            ["INFO", "INFO", "WARN", "INFO", "ERROR"][n as usize % 5],
        );
        format!(
            "2026-05-28T20:26:{:02}.{ms:03}Z {word} request {n} took {ms} ms on worker {}\n",
            n % 60,
            n % 8
        )
    };
    (0..lines).map(line).collect::<String>().into_bytes()
}

pub fn zip(redactor: &Redactor, about: &About<'_>) -> Result<(Vec<u8>, Finished)> {
    let limits = WriteLimits::zip_bytes(64 << 20);
    let out = Cursor::new(Vec::new());
    let mut writer = PacketWriter::new(out, redactor.clone(), facts(about)?, limits)?;
    let mut section = |name: &str, files: &[(&str, Vec<u8>)], outcome, why: &str| {
        let name = name.parse().map_err(anyhow::Error::msg)?;
        writer.begin_section(name, "file", about.at)?;
        for (path, bytes) in files {
            writer.begin_file(path, Content::Text)?;
            writer.write(bytes)?;
            writer.finish_file()?;
        }
        writer.finish_section(outcome, why, Vec::new(), 312)?;
        anyhow::Ok(())
    };
    let host = b"kernel 6.12\nmemory 32 GiB\nload 0.4\n".to_vec();
    section("host", &[("facts.txt", host)], Outcome::Ok, "")?;
    section("logs", &[("app.log", log(about.lines))], Outcome::Ok, "")?;
    match about.fails {
        true => section("ldap", &[], Outcome::Failed, "connection refused")?,
        false => section("ldap", &[], Outcome::Ok, "")?,
    }
    let (out, finished) = writer
        .finish(about.at, false, &instance_key())
        .context("finishing a packet")?;
    Ok((out.into_inner(), finished))
}
