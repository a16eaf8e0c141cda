//! The agent's session: proves the key against the server's challenge, keeps the value that the next session must send.
//! The nonce is on the disk before it is sent: repeated with the same value it is a retry, and never a clone.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use boathook_hooks::{
    documents::{
        Document,
        identity::{Facts, MAX_FACTS_BYTES, Session},
    },
    keys::SecretKey,
    protocol::{self, SessionAnswer},
    strict,
    time::Time,
};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::{
    client::{Answer, Client, ClientError, Request},
    durable,
    identity::Enrolled,
};

/// In the state directory.
pub const FILE: &str = "session.json";

/// A bearer is renewed when less than this is left of it, in milliseconds.
const RENEW_BEFORE: i64 = 120_000;

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("{path}")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {what}")]
    Unreadable { path: PathBuf, what: String },
    #[error("no random bytes from the system")]
    Random,
    #[error("making the session's request: {0}")]
    Encode(String),
    #[error("the server refused the challenge that it gave itself: is this machine's clock right?")]
    OwnChallenge,
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What lasts from session to session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The last session's value; empty before the first.
    value: String,
    /// Of the session that is being opened with `value`.
    nonce: Option<String>,
}

pub struct Sessions {
    client: Client,
    enrolled: Enrolled,
    key: SecretKey,
    facts: Facts,
    path: PathBuf,
    kept: Kept,
    challenge: String,
    /// As the last session said.
    confirmed: bool,
    bearer: Option<(Zeroizing<String>, Time)>,
}

/// Refuses facts that would not fit into a bearer: (found, limit) in bytes.
pub fn check_facts(facts: &Facts) -> Result<(), (usize, usize)> {
    let found = strict::encode(facts).map_or(usize::MAX, |b| b.len());
    if found <= MAX_FACTS_BYTES {
        Ok(())
    } else {
        Err((found, MAX_FACTS_BYTES))
    }
}

impl Sessions {
    /// `facts` are those that leave the machine: redacted.
    pub fn load(
        state_dir: &Path,
        client: Client,
        enrolled: Enrolled,
        key: SecretKey,
        facts: Facts,
    ) -> Result<Self, SessionError> {
        let path = state_dir.join(FILE);
        let bytes = durable::read(&path, 64 * 1024).map_err(|source| SessionError::Io {
            path: path.clone(),
            source,
        })?;
        let kept = match bytes {
            None => Kept::default(),
            Some(bytes) => {
                serde_json::from_slice(&bytes).map_err(|e| SessionError::Unreadable {
                    path: path.clone(),
                    what: e.to_string(),
                })?
            }
        };
        Ok(Self {
            client,
            enrolled,
            key,
            facts,
            path,
            kept,
            challenge: String::new(),
            confirmed: true,
            bearer: None,
        })
    }

    /// The bearer of a live session; opens one if there is none.
    pub async fn bearer(&mut self, now: Time) -> Result<Zeroizing<String>, SessionError> {
        match &self.bearer {
            Some((bearer, until)) if until.since(now) > RENEW_BEFORE => Ok(bearer.clone()),
            _ => self.open(now).await,
        }
    }

    /// The server no longer takes `bearer` (a restart may change its keys).
    pub fn forget(&mut self, bearer: &str) {
        if self
            .bearer
            .as_ref()
            .is_some_and(|(b, _)| b.as_str() == bearer)
        {
            self.bearer = None;
        }
    }

    async fn open(&mut self, now: Time) -> Result<Zeroizing<String>, SessionError> {
        let nonce = self.nonce()?;
        // The first try may have an old challenge or none and gets a live one, which the second signs.
        for _ in 0..2 {
            let body = self.document(&nonce, now)?;
            let request = self
                .client
                .request("opening a session", Method::POST, protocol::PATH_SESSION)?
                .bson(body);
            match request.send().await {
                Ok(answer) => {
                    let answer: SessionAnswer = answer.bson("opening a session")?;
                    self.confirmed = answer.confirmed;
                    let value = bounded(answer.value)?;
                    self.keep(Kept { value, nonce: None })?;
                    self.challenge = bounded(answer.challenge)?;
                    let bearer = Zeroizing::new(answer.bearer);
                    self.bearer = Some((bearer.clone(), answer.bearer_until));
                    return Ok(bearer);
                }
                Err(ClientError::Problem { operation, problem }) => match &problem.challenge {
                    Some(challenge) if problem.status == 401 => {
                        self.challenge.clone_from(challenge)
                    }
                    _ => return Err(ClientError::Problem { operation, problem }.into()),
                },
                Err(other) => return Err(other.into()),
            }
        }
        self.challenge.clear();
        Err(SessionError::OwnChallenge)
    }

    /// The nonce for the present value, on the disk.
    fn nonce(&mut self) -> Result<String, SessionError> {
        if let Some(nonce) = &self.kept.nonce {
            return Ok(nonce.clone());
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| SessionError::Random)?;
        let nonce: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        self.keep(Kept {
            value: self.kept.value.clone(),
            nonce: Some(nonce.clone()),
        })?;
        Ok(nonce)
    }

    fn keep(&mut self, kept: Kept) -> Result<(), SessionError> {
        let bytes = serde_json::to_vec(&kept).map_err(|e| SessionError::Encode(e.to_string()))?;
        durable::replace(&self.path, &bytes).map_err(|source| SessionError::Io {
            path: self.path.clone(),
            source,
        })?;
        self.kept = kept;
        Ok(())
    }

    fn document(&self, nonce: &str, now: Time) -> Result<Vec<u8>, SessionError> {
        let document = Session {
            origin: self.enrolled.origin.clone(),
            instance: self.enrolled.instance.clone(),
            challenge: self.challenge.clone(),
            facts: self.facts.clone(),
            value: self.kept.value.clone(),
            nonce: nonce.to_owned(),
            signed_at: now,
        };
        let envelope = document
            .envelope(&[&self.key])
            .map_err(|e| SessionError::Encode(e.to_string()))?;
        envelope
            .to_bson()
            .map_err(|e| SessionError::Encode(e.to_string()))
    }
}

/// The server with a session: what the rest of the agent speaks through. Cloning shares it.
#[derive(Clone)]
pub struct Api {
    client: Client,
    sessions: Arc<Mutex<Sessions>>,
}

impl SessionError {
    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Client(e) => e.status(),
            _ => None,
        }
    }

    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Client(e) => e.retry_after(),
            _ => None,
        }
    }
}

impl Api {
    pub fn new(client: Client, sessions: Sessions) -> Self {
        Self {
            client,
            sessions: Arc::new(Mutex::new(sessions)),
        }
    }

    /// Whether a person has confirmed this instance, as far as the last session said.
    pub async fn is_confirmed(&self) -> bool {
        self.sessions.lock().await.confirmed
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub async fn bearer(&self) -> Result<Zeroizing<String>, SessionError> {
        self.sessions.lock().await.bearer(Time::wall_clock()).await
    }

    /// One request, made by `make` and sent with the bearer; made and sent again with a new one if the server no longer
    /// takes the first.
    pub async fn send(
        &self,
        make: impl Fn(&Client) -> Result<Request, ClientError>,
    ) -> Result<Answer, SessionError> {
        let bearer = self.bearer().await?;
        match make(&self.client)?.bearer(&bearer).send().await {
            Err(e) if e.status() == Some(401) => {
                self.sessions.lock().await.forget(&bearer);
                let bearer = self.bearer().await?;
                Ok(make(&self.client)?.bearer(&bearer).send().await?)
            }
            other => Ok(other?),
        }
    }
}

fn bounded(text: String) -> Result<String, ClientError> {
    if text.len() <= 4_096 {
        Ok(text)
    } else {
        Err(ClientError::TooLarge {
            operation: "opening a session",
            limit: 4_096,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use boathook_hooks::{envelope::Envelope, ids::Digest};

    fn sessions(dir: &Path) -> Sessions {
        let enrolled = Enrolled {
            origin: "https://b.example".into(),
            ca: None,
            root: Digest::of(b"root"),
            customer: "acme".parse().unwrap(),
            instance: "app-01".parse().unwrap(),
            at: Time::from_ms(0),
        };
        let client = Client::new(&enrolled.origin, None, &Default::default()).unwrap();
        Sessions::load(
            dir,
            client,
            enrolled,
            SecretKey::from_seed(&[9; 32]),
            Facts::default(),
        )
        .unwrap()
    }

    #[test]
    fn the_nonce_is_on_the_disk_before_it_is_used_and_stays_until_there_is_a_new_value() {
        let dir = tempfile::tempdir().unwrap();
        let nonce = sessions(dir.path()).nonce().unwrap();
        let mut after_crash = sessions(dir.path());
        assert_eq!(after_crash.nonce().unwrap(), nonce);
        after_crash
            .keep(Kept {
                value: "v2".into(),
                nonce: None,
            })
            .unwrap();
        assert_ne!(sessions(dir.path()).nonce().unwrap(), nonce);
        assert_eq!(sessions(dir.path()).kept.value, "v2");
    }

    #[test]
    fn the_document_carries_origin_instance_value_and_nonce_under_the_instances_key() {
        let dir = tempfile::tempdir().unwrap();
        let mut s = sessions(dir.path());
        s.keep(Kept {
            value: "v1".into(),
            nonce: None,
        })
        .unwrap();
        let bytes = s.document("abc", Time::from_ms(7)).unwrap();
        let envelope = Envelope::from_bson(&bytes, 10_000).unwrap();
        assert!(envelope.is_signed_by(&s.key.public()));
        let read: Session = strict::decode(&envelope.payload.0, 10_000).unwrap();
        assert_eq!(
            (
                read.value.as_str(),
                read.nonce.as_str(),
                read.origin.as_str()
            ),
            ("v1", "abc", "https://b.example")
        );
    }

    #[test]
    fn facts_that_would_not_fit_a_bearer_are_refused() {
        let long = Facts {
            name: "x".repeat(MAX_FACTS_BYTES),
            ..Facts::default()
        };
        assert!(check_facts(&Facts::default()).is_ok() && check_facts(&long).is_err());
    }
}
