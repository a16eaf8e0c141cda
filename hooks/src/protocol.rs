//! The agent protocol's bodies (BSON), headers and paths, as DESIGN fixes them. Unknown fields of unsigned answers are
//! ignored, so that servers may be newer than agents; requests are read strictly.
use serde::{Deserialize, Serialize};

use crate::{
    ids::{Blob, ClaimId, CustomerId, Digest, InstanceId},
    time::Time,
};

pub const CONTENT_TYPE: &str = "application/bson";
pub const PROBLEM_TYPE: &str = "application/problem+json";
/// On every answer: `hold=300` or `every=60`, in seconds.
pub const HEADER_POLL: &str = "boathook-poll";
/// The control number that the agent knows; an answer is never older.
pub const HEADER_SEEN: &str = "boathook-seen";

pub const PATH_ENROLL: &str = "/agent/v1/enroll";
pub const PATH_SESSION: &str = "/agent/v1/session";
pub const PATH_HOOKS: &str = "/agent/v1/hooks";

pub fn path_hook(digest: &Digest) -> String {
    format!("{PATH_HOOKS}/{digest}")
}

pub fn path_claims(digest: &Digest) -> String {
    format!("{PATH_HOOKS}/{digest}/claims")
}

pub fn path_answers(digest: &Digest) -> String {
    format!("{PATH_HOOKS}/{digest}/answers")
}

pub fn path_claim(claim: &ClaimId) -> String {
    format!("/agent/v1/claims/{claim}")
}

pub fn path_upload(claim: &ClaimId) -> String {
    format!("/agent/v1/claims/{claim}/upload")
}

pub fn path_renew(claim: &ClaimId) -> String {
    format!("/agent/v1/claims/{claim}/renew")
}

pub fn path_root(version: u64) -> String {
    format!("/agent/v1/roots/{version}")
}

pub fn path_roster(version: u64) -> String {
    format!("/agent/v1/rosters/{version}")
}

pub fn path_revocation(revoker: &Digest, number: u64) -> String {
    format!("/agent/v1/revocations/{revoker}/{number}")
}

/// `POST /agent/v1/enroll`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollRequest {
    /// The join token's text: a secret.
    pub token: String,
    /// DSSE `enroll.v1`, BSON.
    pub envelope: Blob,
}

impl std::fmt::Debug for EnrollRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnrollRequest(token hidden)")
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrollAnswer {
    pub instance: InstanceId,
    pub customer: CustomerId,
    /// Root envelopes, from the first on.
    pub roots: Vec<Blob>,
    /// Whether the instance gets hooks already, or a person must confirm its fingerprint first.
    pub confirmed: bool,
}

/// `POST /agent/v1/session` has a DSSE `session.v1` envelope as its body. A 401 problem carries a `challenge` member.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionAnswer {
    /// For `Authorization: Bearer`: a secret.
    pub bearer: String,
    pub bearer_until: Time,
    /// The challenge for the next session.
    pub challenge: String,
    /// To be sent as the next session's `value`.
    pub value: String,
    /// False while a person has yet to confirm the instance's fingerprint: no hooks are listed until then.
    #[serde(default = "yes")]
    pub confirmed: bool,
}

const fn yes() -> bool {
    true
}

impl std::fmt::Debug for SessionAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SessionAnswer(until {}, bearer hidden)",
            self.bearer_until
        )
    }
}

/// `POST /agent/v1/hooks/{digest}/claims`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// From the hook list.
    pub token: String,
    /// 1 for the first run of this revision on this instance.
    pub attempt: u32,
    /// Bytes to reserve: at most the hook's `packet_bytes`, else 413.
    pub bytes: u64,
}

/// 201.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimAnswer {
    pub claim: ClaimId,
    pub lease_until: Time,
    /// Most bytes that the upload may have.
    pub bytes: u64,
}

/// `POST /agent/v1/hooks/{digest}/answers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    pub token: String,
    pub kind: AnswerKind,
    /// Plain words, redacted; at most 1,000 characters.
    pub reason: String,
    /// The claim that this answer gives back.
    pub claim: Option<ClaimId>,
}

/// What an instance says to a hook when it sends no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// The verifier or the policy says no.
    Refused,
    /// The administrator says no.
    Declined,
    /// The administrator has not said yet. Never final.
    Waiting,
    Failed,
    Interrupted,
    /// The hook's format or `min_agent` is too new.
    Unsupported,
    AnsweredBefore,
}

/// In plain words.
impl std::fmt::Display for AnswerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Declined => "declined",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Unsupported => "unsupported",
            Self::AnsweredBefore => "answered before",
        })
    }
}

/// `GET /agent/v1/claims/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimStatus {
    pub state: ClaimPhase,
    /// Bytes stored so far.
    pub offset: u64,
    pub lease_until: Option<Time>,
    /// Why it was rejected, failed or expired.
    pub reason: Option<String>,
    /// DSSE `receipt.v1`, once accepted.
    pub receipt: Option<Blob>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimPhase {
    Open,
    Receiving,
    Checking,
    Accepted,
    Rejected,
    Failed,
    Expired,
}

/// What `Boathook-Poll` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollAdvice {
    /// Ask again at once and let the server hold the answer this long.
    Hold(u32),
    /// Ask without waiting, this often.
    Every(u32),
}

impl std::fmt::Display for PollAdvice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hold(s) => write!(f, "hold={s}"),
            Self::Every(s) => write!(f, "every={s}"),
        }
    }
}

impl std::str::FromStr for PollAdvice {
    type Err = String;

    /// Bounded: 1 to 600 s for `hold`, 1 s to a day for `every`.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("expected hold=SECONDS or every=SECONDS, found {text:?}");
        let (key, value) = text.split_once('=').ok_or_else(refuse)?;
        let seconds: u32 = value.parse().map_err(|_| refuse())?;
        match (key, seconds) {
            ("hold", 1..=600) => Ok(Self::Hold(seconds)),
            ("every", 1..=86_400) => Ok(Self::Every(seconds)),
            _ => Err(refuse()),
        }
    }
}

/// How an instance is enrolled: `boathook1.` and base64url of this in BSON. Holds a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinString {
    /// `https://host[:port]`.
    pub origin: String,
    /// PEM of a private CA; none is the system's.
    pub ca: Option<String>,
    /// SHA-256 of the first root's payload.
    pub root: Digest,
    pub customer: CustomerId,
    pub token: String,
}

impl std::fmt::Debug for JoinString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "JoinString({} for {}, token hidden)",
            self.origin, self.customer
        )
    }
}

const JOIN_PREFIX: &str = "boathook1.";

impl JoinString {
    pub fn to_text(&self) -> Result<String, crate::strict::StrictError> {
        use base64::Engine as _;
        let bytes = crate::strict::encode(self)?;
        Ok(format!(
            "{JOIN_PREFIX}{}",
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
        ))
    }
}

impl std::str::FromStr for JoinString {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use base64::Engine as _;
        let refuse =
            || "expected a join string: boathook1. and what the server printed after it".to_owned();
        let body = text.trim().strip_prefix(JOIN_PREFIX).ok_or_else(refuse)?;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(body)
            .map_err(|_| refuse())?;
        let join: Self = crate::strict::decode(&bytes, 64 * 1024)
            .map_err(|e| format!("the join string: {e}"))?;
        match join.origin.strip_prefix("https://") {
            Some(host) if !host.is_empty() && !host.contains(['/', '@', '?', '#']) => Ok(join),
            _ => Err("the join string's origin is not https://host[:port]".to_owned()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn join(origin: &str) -> JoinString {
        JoinString {
            origin: origin.into(),
            ca: None,
            root: Digest::of(b"root"),
            customer: "acme".parse().unwrap(),
            token: "secret-token".into(),
        }
    }

    #[test]
    fn a_join_string_reads_back_and_hides_its_token() {
        let j = join("https://boathook.example:8443");
        assert_eq!(j.to_text().unwrap().parse::<JoinString>().unwrap(), j);
        assert!(!format!("{j:?}").contains("secret-token"));
    }

    #[test]
    fn a_join_string_without_https_or_with_a_path_is_refused() {
        for origin in ["http://h", "https://", "https://a/b", "https://u@h"] {
            assert!(
                join(origin)
                    .to_text()
                    .unwrap()
                    .parse::<JoinString>()
                    .is_err(),
                "{origin}"
            );
        }
    }

    #[test]
    fn poll_advice_is_bounded() {
        assert_eq!("hold=300".parse(), Ok(PollAdvice::Hold(300)));
        for bad in [
            "hold=0",
            "hold=601",
            "every=0",
            "every=86401",
            "hold",
            "x=1",
            "hold=-1",
        ] {
            assert!(bad.parse::<PollAdvice>().is_err(), "{bad}");
        }
    }
}
