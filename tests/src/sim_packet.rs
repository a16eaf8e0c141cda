//! Small honest packets of simulated instances.
use std::{io::Cursor, sync::OnceLock};

use anyhow::Result;
use boathook_hooks::{
    ids::{ClaimId, Digest},
    packet::{Consent, Content, HookRef, Mode, Outcome, PacketWriter, RunFacts, WriteLimits},
    redaction::Redactor,
    time::Time,
};

use crate::sim::SimInstance;

/// Made once: a thousand instances in one process have the same rules, and each would compile them for milliseconds.
static REDACTOR: OnceLock<Redactor> = OnceLock::new();

/// The finished zip of one section with one text file, signed by the instance's own key.
pub fn packet(sim: &SimInstance, hook: HookRef, claim: &ClaimId, text: &[u8]) -> Result<Vec<u8>> {
    let now = Time::wall_clock();
    let facts = RunFacts {
        mode: Mode::Verified,
        hook: Some(hook),
        subject: None,
        claim: Some(claim.clone()),
        instance: Some(sim.instance.clone()),
        customer: Some(sim.customer.clone()),
        policy: Digest::of(b"no policy"),
        consent: Consent::Auto,
        signed_by: Vec::new(),
        privileges: Vec::new(),
        agent_version: "0.1.0".into(),
        started_at: now,
    };
    let redactor = match REDACTOR.get() {
        Some(made) => made.clone(),
        None => {
            let made = Redactor::builder().build()?;
            REDACTOR.get_or_init(|| made).clone()
        }
    };
    let mut writer = PacketWriter::new(
        Cursor::new(Vec::new()),
        redactor,
        facts,
        WriteLimits::zip_bytes(64 << 20),
    )?;
    writer.begin_section("host".parse().map_err(anyhow::Error::msg)?, "host", now)?;
    writer.begin_file("facts.txt", Content::Text)?;
    writer.write(text)?;
    writer.finish_file()?;
    writer.finish_section(Outcome::Ok, "", Vec::new(), 1)?;
    let (out, _) = writer.finish(now, false, &sim.key)?;
    Ok(out.into_inner())
}
