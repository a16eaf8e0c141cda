//! Just enough of the agent protocol to serve an agent what no honest server would.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, Result};
use boathook_hooks::{
    documents::{Document as _, hook_list::Heads, identity::Enroll, receipt::Receipt},
    envelope::Envelope,
    ids::{Blob, ClaimId, CustomerId, Digest, InstanceId},
    keys::{PublicKey, SecretKey},
    protocol::{
        self, AnswerRequest, ClaimAnswer, ClaimPhase, ClaimStatus, EnrollAnswer, EnrollRequest,
        SessionAnswer,
    },
    strict,
    time::{HOUR, Time},
};
use tokio::sync::watch;

use super::doors::{Asked, Reply, lock};

/// All that is served, and all that was said.
pub(super) struct Told {
    pub instance: InstanceId,
    pub customer: CustomerId,
    pub online: SecretKey,
    pub roots: BTreeMap<u64, Vec<u8>>,
    pub rosters: BTreeMap<u64, Vec<u8>>,
    pub revocations: BTreeMap<u64, Vec<u8>>,
    /// Envelopes by the digest that the list calls them.
    pub hooks: BTreeMap<Digest, Vec<u8>>,
    pub list: Vec<u8>,
    /// Everything but enrolment is sent elsewhere.
    pub redirect: Option<String>,
    /// From the enrolment.
    pub key: Option<PublicKey>,
    pub answers: Vec<(Digest, AnswerRequest)>,
    pub claims: Vec<Digest>,
    pub packets: BTreeMap<String, Vec<u8>>,
}

pub(super) struct Serving {
    pub told: Mutex<Told>,
    /// The number of changes of the list: its etag.
    pub turn: watch::Sender<u64>,
}

const BEARER: &str = "the-bearer-of-this-test";

fn bson<T: serde::Serialize>(status: u16, value: &T) -> Result<Reply> {
    Ok(Reply::new(status, strict::encode(value)?).with("content-type", protocol::CONTENT_TYPE))
}

fn document(bytes: Option<&Vec<u8>>) -> Reply {
    match bytes {
        Some(bytes) => Reply::new(200, bytes.clone()).with("content-type", protocol::CONTENT_TYPE),
        None => problem(404, "it is not here"),
    }
}

fn problem(status: u16, title: &str) -> Reply {
    let body = serde_json::json!({"title": title, "status": status}).to_string();
    Reply::new(status, body.into_bytes()).with("content-type", protocol::PROBLEM_TYPE)
}

impl Serving {
    pub async fn reply(self: Arc<Self>, asked: Asked) -> Reply {
        let reply = self.route(&asked).await;
        let reply = reply.unwrap_or_else(|e| problem(500, &format!("the test's server: {e:#}")));
        reply.with(protocol::HEADER_POLL, "hold=60")
    }

    async fn route(&self, asked: &Asked) -> Result<Reply> {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        if let Some(host) = lock(&self.told).redirect.clone() {
            return Ok(Reply::new(307, Vec::new()).with("location", format!("{host}{path}")));
        }
        match path {
            protocol::PATH_ENROLL => return self.enroll(asked),
            protocol::PATH_SESSION => return session(),
            _ => {}
        }
        if asked.header("authorization") != Some(&format!("Bearer {BEARER}")) {
            return Ok(problem(401, "no session"));
        }
        if path == protocol::PATH_HOOKS {
            return Ok(self.hook_list(asked, query).await);
        }
        let mut told = lock(&self.told);
        let parts: Vec<&str> = path.trim_start_matches("/agent/v1/").split('/').collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["hooks", digest]) => Ok(document(told.hooks.get(&parsed(digest)?))),
            ("POST", ["hooks", digest, "claims"]) => told.claim(parsed(digest)?),
            ("POST", ["hooks", digest, "answers"]) => {
                let answer = strict::decode(&asked.body, strict::MAX_DOCUMENT)?;
                told.answers.push((parsed(digest)?, answer));
                Ok(Reply::new(204, Vec::new()))
            }
            ("GET", ["roots", n]) => Ok(document(told.roots.get(&n.parse()?))),
            ("GET", ["rosters", n]) => Ok(document(told.rosters.get(&n.parse()?))),
            ("GET", ["revocations", _, n]) => Ok(document(told.revocations.get(&n.parse()?))),
            ("POST", ["claims", claim, "upload"]) => {
                told.packets.entry((*claim).to_owned()).or_default();
                Ok(Reply::new(201, Vec::new()).with("location", path))
            }
            ("PATCH", ["claims", claim, "upload"]) => {
                let packet = told.packets.get_mut(*claim).context("no upload")?;
                packet.extend_from_slice(&asked.body);
                let offset = packet.len();
                Ok(Reply::new(204, Vec::new()).with("upload-offset", offset))
            }
            ("GET", ["claims", claim]) => told.status(claim),
            (_, ["claims", _, "renew"]) => Ok(Reply::new(204, Vec::new())),
            _ => Ok(problem(404, "no such path")),
        }
    }

    fn enroll(&self, asked: &Asked) -> Result<Reply> {
        let request: EnrollRequest = strict::decode(&asked.body, strict::MAX_DOCUMENT)?;
        let envelope = Envelope::from_bson(&request.envelope.0, strict::MAX_DOCUMENT)?;
        let mut told = lock(&self.told);
        told.key = Some(Enroll::from_payload(&envelope.payload.0)?.key);
        let answer = EnrollAnswer {
            instance: told.instance.clone(),
            customer: told.customer.clone(),
            roots: told.roots.values().cloned().map(Blob).collect(),
            confirmed: true,
        };
        bson(200, &answer)
    }

    /// Held until the list is another one than the agent knows.
    async fn hook_list(&self, asked: &Asked, query: &str) -> Reply {
        let known = asked.header("if-none-match").unwrap_or_default().to_owned();
        let wait = query.strip_prefix("wait=").and_then(|s| s.parse().ok());
        let mut turns = self.turn.subscribe();
        let news = turns.wait_for(|turn| format!("\"{turn}\"") != known);
        let wait = Duration::from_secs(wait.unwrap_or(0)).max(Duration::from_millis(1));
        match tokio::time::timeout(wait, news).await {
            Ok(Ok(turn)) => {
                document(Some(&lock(&self.told).list)).with("etag", format!("\"{}\"", *turn))
            }
            _ => Reply::new(304, Vec::new()).with("etag", known),
        }
    }
}

fn parsed(digest: &str) -> Result<Digest> {
    digest.parse().map_err(anyhow::Error::msg)
}

fn session() -> Result<Reply> {
    bson(
        200,
        &SessionAnswer {
            bearer: BEARER.into(),
            confirmed: true,
            bearer_until: Time::wall_clock().plus_ms(HOUR),
            challenge: "next".into(),
            value: "value".into(),
        },
    )
}

impl Told {
    fn claim(&mut self, revision: Digest) -> Result<Reply> {
        self.claims.push(revision);
        let answer = ClaimAnswer {
            claim: ClaimId {
                revision,
                instance: self.instance.clone(),
                reservation: 1,
            },
            lease_until: Time::wall_clock().plus_ms(HOUR),
            bytes: 1 << 20,
        };
        bson(201, &answer)
    }

    /// Every packet is accepted, with a receipt as it should be.
    fn status(&self, claim: &str) -> Result<Reply> {
        let packet = self.packets.get(claim).context("no such claim")?;
        let id: ClaimId = claim.parse().map_err(anyhow::Error::msg)?;
        let now = Time::wall_clock();
        let receipt = Receipt {
            packet: Digest::of(packet),
            bytes: packet.len() as u64,
            hook: Some(id.revision),
            claim: Some(id),
            instance_key: self.key.context("nobody enrolled")?,
            received_at: now,
            heads: Heads {
                customer: Default::default(),
                house: Default::default(),
            },
            extensions: BTreeMap::new(),
            critical: Vec::new(),
        };
        let status = ClaimStatus {
            state: ClaimPhase::Accepted,
            offset: packet.len() as u64,
            lease_until: None,
            reason: None,
            receipt: Some(Blob(receipt.envelope(&[&self.online])?.to_bson()?)),
        };
        bson(200, &status)
    }
}
