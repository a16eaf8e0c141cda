//! Envelopes: judged by the one verifier with the trust that is given.
use boathook_hooks::{
    documents::root::Root,
    envelope::Envelope,
    reach::{self, Reach},
    time::Time,
    verify::TrustStore,
};

use crate::{
    check::{Proof, receipt},
    describe::Parsed,
    error::{Error, Result},
    standing::Standing,
};

/// A root, roster, hook, revocation, receipt, hook list or packet statement. `pinned` says that the first root's
/// fingerprint was given.
pub fn prove(
    envelope: &Envelope,
    trust: Option<&TrustStore>,
    pinned: bool,
    now: Time,
) -> Result<Proof> {
    let parsed = Parsed::of(envelope)?;
    let mut proof = match &parsed {
        Parsed::Receipt(_) => return receipt::prove(envelope, trust),
        Parsed::HookList(_) => {
            let trust = trust.ok_or_else(needs_root)?;
            let root = receipt::signing_root(envelope, trust).ok_or_else(|| {
                Error::failed(
                    "the hook list is not signed by an online key of the root",
                    "give all roots in order, the first one first; if it stays, the list is forged",
                )
            })?;
            let mut proof = Proof::of(parsed.kind());
            proof.holds(format!("signed by an online key of root {}", root.version));
            proof
        }
        Parsed::Statement(statement) => {
            if !envelope.is_signed_by(&statement.instance_key) {
                return Err(Error::failed(
                    "the statement is not signed by the instance's key that it names",
                    "do not rely on it",
                ));
            }
            let mut proof = Proof::of(parsed.kind());
            proof.holds(format!(
                "signed by the instance's key {}",
                statement.instance_key.id().short()
            ));
            proof.open(
                "the files are proved by the packet's zip alone: `boathook verify PACKET.zip`",
            );
            proof
        }
        Parsed::Root(root) => by_people(envelope, root_trust(root, trust)?, &parsed, now)?,
        _ => by_people(envelope, Some(trust.ok_or_else(needs_root)?), &parsed, now)?,
    };
    if !pinned {
        let first = trust.map_or_else(|| envelope.digest(), TrustStore::fingerprint);
        proof.open(format!(
            "compare the first root's fingerprint by another way, or give it with --fingerprint: {first}"
        ));
    }
    proof.facts = parsed.json();
    Ok(proof)
}

fn needs_root() -> Error {
    Error::usage(
        "this is judged by the roots",
        "give them with --root FILE; `boathook trust fetch` gets them from the server",
    )
}

/// Root 1 vouches for itself, by its fingerprint; a later one needs those before it.
fn root_trust<'a>(root: &Root, trust: Option<&'a TrustStore>) -> Result<Option<&'a TrustStore>> {
    match trust {
        None if root.version > 1 => Err(Error::usage(
            format!("root {} is judged by the roots before it", root.version),
            "give them with --root FILE, the first one first",
        )),
        trust => Ok(trust),
    }
}

fn by_people(
    envelope: &Envelope,
    trust: Option<&TrustStore>,
    parsed: &Parsed,
    now: Time,
) -> Result<Proof> {
    if matches!(parsed, Parsed::Hook(_)) && trust.is_some_and(|t| t.roster().is_none()) {
        return Err(Error::usage(
            "a hook is judged by root and roster",
            "give --roster FILE too; `boathook trust fetch` gets it from the server",
        ));
    }
    let standing = Standing::of(envelope, trust, now)?;
    if standing.enough != Some(true) {
        let why = standing.why.unwrap_or_else(|| "it cannot be judged".into());
        let verb = match parsed {
            Parsed::Root(_) => "root sign",
            Parsed::Roster(_) => "roster sign",
            _ => "sign",
        };
        return Err(Error::failed(
            format!("the {} does not hold: {why}", parsed.kind()),
            format!("have whoever is missing sign it: `boathook {verb} FILE --key KEY`"),
        ));
    }
    let mut proof = Proof::of(parsed.kind());
    proof.holds(format!("digest {}", envelope.digest()));
    standing
        .words()
        .into_iter()
        .for_each(|words| proof.holds(words));
    if let (Parsed::Hook(hook), Some(trust)) = (parsed, trust) {
        let reach = match reach::of(hook, &trust.root().bounds) {
            Reach::Ordinary => "ordinary",
            Reach::Wide(_) => "wide",
        };
        proof.holds(format!("reach: {reach}"));
        proof.open(
            "whether the server lists it for an instance, only that instance's hook list tells",
        );
    }
    Ok(proof)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::{documents::Document as _, verify::sample::Sample};

    use super::*;

    const NOW: Time = Time::from_ms(1_700_000_000_000);

    #[test]
    fn a_hook_holds_when_both_have_signed_and_not_before_nor_after_its_end() {
        let house = Sample::new(NOW);
        let trust = house.trust();
        let hook = house.hook();
        let both = hook.envelope(&[&house.ada_file, &house.ben_file]).unwrap();
        assert!(prove(&both, Some(&trust), true, NOW).is_ok());
        let one = hook.envelope(&[&house.ada_file]).unwrap();
        assert!(prove(&one, Some(&trust), true, NOW).is_err());
        assert!(prove(&both, Some(&trust), true, hook.expires_at).is_err());
        assert!(matches!(
            prove(&both, None, true, NOW),
            Err(Error::Usage { .. })
        ));
    }

    #[test]
    fn a_first_root_holds_by_itself_and_asks_for_its_fingerprint_to_be_compared() {
        let house = Sample::new(NOW);
        let root = house.root().envelope(&[&house.rita, &house.rolf]).unwrap();
        let proof = prove(&root, None, false, NOW).unwrap();
        assert!(proof.open.join("\n").contains(&root.digest().to_string()));
        let one = house.root().envelope(&[&house.rita]).unwrap();
        assert!(prove(&one, None, false, NOW).is_err());
    }
}
