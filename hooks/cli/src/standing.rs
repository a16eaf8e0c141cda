//! How far the signatures on a document have come, judged by the one verifier with the trust that is at hand.
use std::path::PathBuf;

use boathook_hooks::{
    documents::root::{Holder, Root},
    envelope::Envelope,
    ids::{Digest, PersonId},
    time::Time,
    verify::{Refusal, TrustStore},
};
use clap::Args;
use serde::Serialize;

use crate::{
    describe::Parsed,
    error::{Error, Result},
    files::EnvelopeFile,
};

/// The documents that others are judged by.
#[derive(Clone, Debug, Default, Args)]
pub struct TrustArgs {
    /// A root to judge by; give the whole chain in order, the first one first.
    #[arg(long = "root", value_name = "FILE")]
    pub roots: Vec<PathBuf>,
    /// The fingerprint that the first root must have; without it, compare the one that is shown.
    #[arg(long, value_name = "SHA256")]
    pub fingerprint: Option<Digest>,
    /// The roster to judge by.
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
    /// Revocations to judge by, in the order of their numbers.
    #[arg(long = "revocation", value_name = "FILE")]
    pub revocations: Vec<PathBuf>,
}

impl TrustArgs {
    /// None without a root.
    pub fn load(&self, _now: Time) -> Result<Option<TrustStore>> {
        let Some((first, rest)) = self.roots.split_first() else {
            if self.roster.is_some() || self.fingerprint.is_some() || !self.revocations.is_empty() {
                return Err(Error::usage(
                    "nothing can be judged without a root",
                    "give it with --root FILE",
                ));
            }
            return Ok(None);
        };
        let first = EnvelopeFile::read(first)?;
        let mut trust = TrustStore::pin(
            &first.bson()?,
            self.fingerprint.unwrap_or_else(|| first.envelope.digest()),
        )?;
        for path in rest {
            trust.add_root(&EnvelopeFile::read(path)?.bson()?)?;
        }
        for path in &self.revocations {
            trust.add_revocation(&EnvelopeFile::read(path)?.bson()?)?;
        }
        if let Some(path) = &self.roster {
            trust.add_roster(&EnvelopeFile::read(path)?.bson()?)?;
        }
        Ok(Some(trust))
    }
}

/// What the signatures are worth so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub signatures: usize,
    /// People whose signatures were found good; empty when there is nothing to judge by.
    pub people: Vec<PersonId>,
    pub needed: Option<u32>,
    /// Whether a verifier takes it as it is; none when that cannot be judged with what is at hand.
    pub enough: Option<bool>,
    /// Why not yet, or what it would take to judge.
    pub why: Option<String>,
}

impl Standing {
    pub fn of(envelope: &Envelope, trust: Option<&TrustStore>, now: Time) -> Result<Self> {
        let blank = Self {
            signatures: envelope.signatures.len(),
            people: Vec::new(),
            needed: None,
            enough: None,
            why: None,
        };
        let parsed = Parsed::of(envelope)?;
        Ok(match (&parsed, trust) {
            (Parsed::Root(root), trust) => root_standing(blank, envelope, root, trust)?,
            (Parsed::Roster(_), Some(trust)) => {
                let holders = &trust.root().admission;
                let verdict = trust.clone().add_roster(&envelope.to_bson()?);
                blank.judged(
                    signers(envelope, &holders.keys),
                    holders.threshold,
                    verdict.map(drop),
                )
            }
            (Parsed::Revocation(_), Some(trust)) => {
                let revokers: Vec<Holder> = trust.root().revokers.clone();
                let verdict = trust.clone().add_revocation(&envelope.to_bson()?);
                blank.judged(signers(envelope, &revokers), 1, verdict.map(drop))
            }
            (Parsed::Hook(hook), Some(trust)) if trust.roster().is_some() => {
                let progress = trust.progress(envelope, hook)?;
                let verdict = match progress.missing {
                    Some(missing) => Err(missing),
                    None => trust
                        .verify_offline(&envelope.to_bson()?, None, now)
                        .map(drop),
                };
                blank.judged(progress.people, progress.needed, verdict)
            }
            (Parsed::Hook(_), _) => Self {
                why: Some("give --root and --roster to have it judged".into()),
                ..blank
            },
            _ => Self {
                why: Some("give --root to have it judged".into()),
                ..blank
            },
        })
    }

    fn judged(
        self,
        people: Vec<PersonId>,
        needed: u32,
        verdict: std::result::Result<(), Refusal>,
    ) -> Self {
        Self {
            people,
            needed: Some(needed),
            enough: Some(verdict.is_ok()),
            why: verdict.err().map(|refusal| refusal.to_string()),
            ..self
        }
    }

    pub fn words(&self) -> Vec<String> {
        let mut out = vec![match self.needed {
            Some(needed) => {
                let names: Vec<&str> = self.people.iter().map(PersonId::as_str).collect();
                let names = if names.is_empty() {
                    "nobody".to_owned()
                } else {
                    names.join(", ")
                };
                format!(
                    "signed by {names}: {} of {needed} people",
                    self.people.len()
                )
            }
            None if self.signatures == 1 => "1 signature, not judged".to_owned(),
            None => format!("{} signatures, not judged", self.signatures),
        }];
        match (self.enough, &self.why) {
            (Some(true), _) => out.push("it has all the signatures that it needs".into()),
            (Some(false), Some(why)) => out.push(format!("not enough yet: {why}")),
            (_, Some(why)) => out.push(why.clone()),
            _ => {}
        }
        out
    }
}

fn signers(envelope: &Envelope, holders: &[Holder]) -> Vec<PersonId> {
    let mut people: Vec<PersonId> = holders
        .iter()
        .filter(|h| envelope.is_signed_by(&h.key))
        .map(|h| h.person.clone())
        .collect();
    people.sort();
    people.dedup();
    people
}

/// A first root is judged by itself; a later one also by the roots before it, when they are at hand.
fn root_standing(
    blank: Standing,
    envelope: &Envelope,
    root: &Root,
    trust: Option<&TrustStore>,
) -> Result<Standing> {
    let people = signers(envelope, &root.root.keys);
    let bytes = envelope.to_bson()?;
    let verdict = match trust {
        Some(trust) if root.version > 1 => trust.clone().add_root(&bytes).map(drop),
        _ => TrustStore::pin(&bytes, envelope.digest()).map(drop),
    };
    let judged = blank.judged(people, root.root.threshold, verdict);
    if root.version > 1 && trust.is_none() && judged.enough == Some(true) {
        let why = Some(
            "enough for itself; give the roots before it with --root to have it judged whole"
                .into(),
        );
        return Ok(Standing {
            enough: None,
            why,
            ..judged
        });
    }
    Ok(judged)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::{documents::Document as _, verify::sample::Sample};

    use super::*;

    const NOW: Time = Time::from_ms(1_700_000_000_000);

    #[test]
    fn a_root_says_how_many_of_its_people_signed() {
        let house = Sample::new(NOW);
        let standing =
            |keys: &[&_]| Standing::of(&house.root().envelope(keys).unwrap(), None, NOW).unwrap();
        let one = standing(&[&house.rita]);
        assert_eq!(
            (one.people.len(), one.needed, one.enough),
            (1, Some(2), Some(false))
        );
        assert_eq!(standing(&[&house.rita, &house.rolf]).enough, Some(true));
        assert_eq!(
            standing(&[&house.rita, &house.ada_file]).people.len(),
            1,
            "a stranger's signature is no person's"
        );
    }

    #[test]
    fn a_hook_is_judged_by_root_and_roster_or_not_at_all() {
        let house = Sample::new(NOW);
        let envelope = house.hook().envelope(&[&house.ada_file]).unwrap();
        assert_eq!(Standing::of(&envelope, None, NOW).unwrap().enough, None);
        let trust = house.trust();
        let standing = Standing::of(&envelope, Some(&trust), NOW).unwrap();
        assert_eq!((standing.enough, standing.people.len()), (Some(false), 1));
        assert!(standing.words().join("\n").contains("1 of 2 people"));
        let both = house
            .hook()
            .envelope(&[&house.ada_file, &house.ben_file])
            .unwrap();
        assert_eq!(
            Standing::of(&both, Some(&trust), NOW).unwrap().enough,
            Some(true)
        );
    }

    #[test]
    fn a_roster_is_judged_by_the_root() {
        let house = Sample::new(NOW);
        let trust = TrustStore::pin(&house.root_bytes(), house.fingerprint()).unwrap();
        let one = house.roster().envelope(&[&house.rita]).unwrap();
        assert_eq!(
            Standing::of(&one, Some(&trust), NOW).unwrap().enough,
            Some(false)
        );
        let two = house
            .roster()
            .envelope(&[&house.rita, &house.rolf])
            .unwrap();
        assert_eq!(
            Standing::of(&two, Some(&trust), NOW).unwrap().enough,
            Some(true)
        );
    }
}
