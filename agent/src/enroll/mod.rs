//! Enrolment: the join string's token and the instance's new key against an instance id and the roots.
use std::path::Path;

use boathook_hooks::{
    documents::{Document, identity::Enroll},
    ids::{Blob, Digest},
    protocol::{self, EnrollAnswer, EnrollRequest, JoinString},
    strict,
    time::Time,
    verify::{Refusal, TrustStore},
};
use reqwest::Method;

use crate::{
    client::{Client, ClientError},
    config::Config,
    door::Door,
    durable,
    identity::{Enrolled, Identity, IdentityError},
    ledger, session,
    trust::{self, TrustError},
};

#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    #[error("this instance is enrolled already, with {origin} as {instance}; --again starts anew")]
    Already { origin: String, instance: String },
    #[error("the agent runs in {0}: stop it first")]
    Running(String),
    #[error("the state directory {path}")]
    State {
        path: String,
        source: std::io::Error,
    },
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the server's roots are not those of the join string: {0}")]
    Roots(#[from] Refusal),
    #[error("the server gave another customer ({found}) than the join string ({expected})")]
    OtherCustomer { expected: String, found: String },
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("making the request: {0}")]
    Encode(String),
    #[error(
        "the facts have {found} bytes, where at most {limit} are allowed: shorten labels or products"
    )]
    Facts { found: usize, limit: usize },
}

#[derive(Debug)]
pub struct Welcome {
    pub enrolled: Enrolled,
    /// For a person to confirm, if the server waits for that.
    pub fingerprint: Digest,
    pub confirmed: bool,
}

/// `again` gives up what was: a new key, and the ledger and trust of before are put aside.
pub async fn enroll(
    config: &Config,
    door: &Door,
    join: &JoinString,
    again: bool,
    now: Time,
) -> Result<Welcome, EnrollError> {
    let state = &config.state_dir;
    let io = |source| EnrollError::State {
        path: state.display().to_string(),
        source,
    };
    durable::owner_dir(state).map_err(io)?;
    let _lock = durable::Lock::take(&state.join("lock"))
        .map_err(io)?
        .ok_or_else(|| EnrollError::Running(state.display().to_string()))?;
    let mut identity = key_for(state, again, now)?;
    let facts = door.facts(&config.facts.gather());
    session::check_facts(&facts).map_err(|(found, limit)| EnrollError::Facts { found, limit })?;
    let encode = |e: &dyn std::fmt::Display| EnrollError::Encode(e.to_string());
    let document = Enroll {
        origin: join.origin.clone(),
        token: Digest::of(join.token.as_bytes()),
        key: identity.key.public(),
        facts,
        signed_at: now,
    };
    let envelope = document
        .envelope(&[&identity.key])
        .map_err(|e| encode(&e))?;
    let envelope = Blob(envelope.to_bson().map_err(|e| encode(&e))?);
    let body = strict::encode(&EnrollRequest {
        token: join.token.clone(),
        envelope,
    })
    .map_err(|e| encode(&e))?;
    let client = Client::new(&join.origin, join.ca.as_deref(), &config.network)?;
    // Roots of many years: a document each.
    let request = client
        .request("enrolling", Method::POST, protocol::PATH_ENROLL)?
        .bson(body);
    let answer: EnrollAnswer = request.send().await?.bson("enrolling")?;
    if answer.customer != join.customer {
        return Err(EnrollError::OtherCustomer {
            expected: join.customer.to_string(),
            found: answer.customer.to_string(),
        });
    }
    let trust = pin(&answer.roots, join.root)?;
    trust::save(state, &trust)?;
    let enrolled = Enrolled {
        origin: join.origin.clone(),
        ca: join.ca.clone(),
        root: join.root,
        customer: answer.customer,
        instance: answer.instance,
        at: now,
    };
    // Last, since it is what makes the instance enrolled.
    identity.enrolled = Some(enrolled.clone());
    identity.save(state)?;
    Ok(Welcome {
        enrolled,
        fingerprint: identity.key.public().id(),
        confirmed: answer.confirmed,
    })
}

/// The key is on the disk before it is sent: the same token and key get the same answer.
fn key_for(state: &Path, again: bool, now: Time) -> Result<Identity, EnrollError> {
    if again {
        put_aside(state, now).map_err(|source| EnrollError::State {
            path: state.display().to_string(),
            source,
        })?;
    } else if let Some(found) = Identity::load(state)? {
        return match &found.enrolled {
            None => Ok(found),
            Some(e) => Err(EnrollError::Already {
                origin: e.origin.clone(),
                instance: e.instance.to_string(),
            }),
        };
    }
    let fresh = Identity::fresh()?;
    fresh.save(state)?;
    Ok(fresh)
}

/// The old instance's ledger stays readable; nothing of it counts for the new one.
fn put_aside(state: &Path, now: Time) -> std::io::Result<()> {
    for name in [session::FILE, trust::FILE, ledger::FILE] {
        let path = state.join(name);
        if path.exists() {
            std::fs::rename(&path, state.join(format!("{name}.before-{}", now.ms())))?;
        }
    }
    Ok(())
}

fn pin(roots: &[Blob], fingerprint: Digest) -> Result<TrustStore, Refusal> {
    let first = roots.first().ok_or(Refusal::Unsound {
        document: "enrolment",
        what: "it has no root".into(),
    })?;
    let mut trust = TrustStore::pin(&first.0, fingerprint)?;
    for root in &roots[1..] {
        trust.add_root(&root.0)?;
    }
    Ok(trust)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use boathook_hooks::verify::sample::Sample;

    #[test]
    fn a_root_that_is_not_the_join_strings_is_refused() {
        let house = Sample::new(Time::wall_clock());
        let roots = [Blob(house.root_bytes())];
        assert!(pin(&roots, house.fingerprint()).is_ok());
        assert!(matches!(
            pin(&roots, Digest::of(b"other")),
            Err(Refusal::OtherRoot { .. })
        ));
        assert!(matches!(
            pin(&[], house.fingerprint()),
            Err(Refusal::Unsound { .. })
        ));
    }

    #[test]
    fn a_second_try_uses_the_key_of_the_first_and_again_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let now = Time::from_ms(5);
        let first = key_for(dir.path(), false, now).unwrap().key.public();
        assert_eq!(key_for(dir.path(), false, now).unwrap().key.public(), first);
        std::fs::write(dir.path().join(ledger::FILE), "").unwrap();
        assert_ne!(key_for(dir.path(), true, now).unwrap().key.public(), first);
        assert!(!dir.path().join(ledger::FILE).exists());
        assert!(
            dir.path()
                .join(format!("{}.before-5", ledger::FILE))
                .exists()
        );
    }
}
