//! A revision's counts beside its claims.
use std::collections::BTreeSet;

use crate::{
    Claim, ClaimState, Revision, StoreError, Usage, codec,
    engine::{HEAD, look::Rows},
};

pub(super) struct Counts {
    said: Usage,
    found: Usage,
    /// As signed: lowering takes no place back.
    places: u32,
    /// Claims that are reserved and have no lease, and leases without such a claim.
    leases: usize,
}

fn claims(rows: &Rows) -> Result<Vec<Claim>, StoreError> {
    rows.iter()
        .filter(|(row, _)| row.starts_with("c/"))
        .map(|(_, body)| codec::decode("claim", body))
        .collect()
}

/// The accepted claims, by id.
pub(super) fn accepted(rows: &Rows) -> Result<Vec<String>, StoreError> {
    let claims = claims(rows)?.into_iter();
    let accepted = claims.filter(|c| c.state == ClaimState::Accepted);
    Ok(accepted.map(|c| c.id.to_string()).collect())
}

pub(super) fn of(rows: &Rows) -> Result<Counts, StoreError> {
    let head = rows.iter().find(|(row, _)| row == HEAD);
    let head = head.map_or(&[][..], |(_, body)| body);
    let revision: Revision = codec::decode("revision", head)?;
    let (mut found, mut held) = (Usage::default(), BTreeSet::new());
    for claim in claims(rows)? {
        found.rows += 1;
        match claim.state {
            ClaimState::Reserved => {
                found.reserved += 1;
                found.reserved_bytes += claim.bytes;
                held.insert(claim.id.instance.to_string());
            }
            ClaimState::Accepted => {
                found.accepted += 1;
                found.accepted_bytes += claim.bytes;
            }
            ClaimState::Rejected | ClaimState::Failed | ClaimState::Expired => {}
        }
    }
    let leases = rows.iter().filter_map(|(row, _)| {
        let rest = row.strip_prefix("l/")?;
        Some(rest.split_once('/')?.1.to_owned())
    });
    let leases: BTreeSet<String> = leases.collect();
    // How many failed is counted by runs, not by claims.
    found.failed = revision.usage.failed;
    Ok(Counts {
        said: revision.usage,
        found,
        places: revision.quota.places,
        leases: leases.symmetric_difference(&held).count(),
    })
}

impl Counts {
    pub(super) fn is_right(&self) -> bool {
        self.wrong().is_empty()
    }

    pub(super) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.said != self.found {
            wrong.push(format!(
                "it counts {:?}, and its claims are {:?}",
                self.said, self.found
            ));
        }
        if self.leases > 0 {
            wrong.push(format!("{} leases and claims do not fit", self.leases));
        }
        if self.found.accepted + self.found.reserved > self.places {
            wrong.push(format!(
                "{} places are taken of {}",
                self.found.accepted + self.found.reserved,
                self.places
            ));
        }
        wrong
    }
}
