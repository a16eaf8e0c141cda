//! After a crash: a packet, marked interrupted, of the sections that were finished before it.
use boathook_hooks::{
    keys::SecretKey,
    packet::{Outcome, PacketWriter, Salvage, Section, WriteLimits},
    time::Time,
};

use super::{PackError, RunError, notes};
use crate::{
    door::Door,
    ledger::RunId,
    spool::{Entry, Spool},
};

const CUT_OFF: &str = "the agent was cut off before this section was finished";
const DAMAGED: &str = "a crash damaged what this section had brought";

/// None when nothing useful was finished. Can be cut off itself, and begun again.
pub fn rescue(
    spool: &Spool,
    run: &RunId,
    door: &Door,
    key: &SecretKey,
    now: Time,
) -> Result<Option<Entry>, RunError> {
    let Some((begun, finished)) = notes::read(&spool.notes(run)).map_err(RunError::Notes)? else {
        return Ok(None);
    };
    let (Some(claim), Some(hook)) = (begun.facts.claim.clone(), begun.facts.hook.clone()) else {
        return Ok(None);
    };
    let Some(left) = spool.set_aside(run)? else {
        return Ok(None);
    };
    let mut left = Salvage::open(left).map_err(RunError::Notes)?;
    let useful = |s: &&Section| matches!(s.outcome, Outcome::Ok | Outcome::Truncated);
    if !finished.iter().any(|s| useful(&s)) {
        return Ok(None);
    }
    let redactor = door.redactor(None).map_err(PackError::from)?;
    let limits = WriteLimits::zip_bytes(begun.limit);
    let mut writer = PacketWriter::new(spool.begin(run)?, redactor, begun.facts, limits)
        .map_err(PackError::from)?;
    let mut rescued = 0;
    for (name, collector) in begun.expected {
        let mut why = CUT_OFF;
        if let Some(section) = finished.iter().find(|s| s.name == name) {
            if holds(section, &mut left).map_err(RunError::Notes)? {
                rescued += usize::from(useful(&section));
                writer
                    .adopt(section.clone(), &mut left)
                    .map_err(PackError::from)?;
                continue;
            }
            why = DAMAGED;
        }
        writer
            .begin_section(name, &collector, now)
            .map_err(PackError::from)?;
        writer
            .finish_section(Outcome::Failed, why, Vec::new(), 0)
            .map_err(PackError::from)?;
    }
    if rescued == 0 {
        return Ok(None);
    }
    let (_, packet) = writer.finish(now, true, key).map_err(PackError::from)?;
    Ok(Some(spool.finish(
        run,
        claim,
        hook.digest,
        packet.name,
        now,
        true,
    )?))
}

fn holds(section: &Section, left: &mut Salvage<std::fs::File>) -> std::io::Result<bool> {
    for file in &section.files {
        if !left.holds(file)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
#[path = "rescue_tests.rs"]
mod tests;
