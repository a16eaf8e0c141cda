//! Verifying a hook, in the order that trust.md fixes.
use crate::{
    audience,
    documents::{
        Document,
        hook::{FORMAT, Hook, HookCustomers, Preface},
        identity::Facts,
        roster::Roster,
    },
    envelope::Envelope,
    ids::{CustomerId, InstanceId},
    reach,
    strict::{self, MAX_DOCUMENT},
    time::{DAY, MINUTE, Time},
    verify::{
        Offline, Refusal, TrustStore, Verified, checks,
        people::{self, For, Signer},
    },
};

/// Clock skew that `not_before` forgives, in milliseconds. Expiry forgives none.
const SKEW: i64 = 10 * MINUTE;

/// Who verifies: an instance with its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    pub instance: InstanceId,
    pub customer: CustomerId,
    pub facts: Facts,
    /// Semver of this agent.
    pub agent_version: String,
}

struct Checked {
    hook: Hook,
    envelope: Envelope,
    people: Vec<crate::ids::PersonId>,
}

impl TrustStore {
    /// Every check of the order; the hook may be claimed and run if policy and consent allow.
    pub fn verify_hook(&self, bytes: &[u8], me: &Me, now: Time) -> Result<Verified<Hook>, Refusal> {
        let checked = self.check(bytes, Some(me), now)?;
        let digest = checked.envelope.digest();
        let list = self.fresh_list(me, now)?;
        if list.stopped.contains(&digest) {
            return Err(Refusal::Stopped);
        }
        let listed = list
            .hooks
            .iter()
            .find(|l| l.digest == digest)
            .ok_or(Refusal::NotListed)?;
        if listed.expires_at <= self.not_before_floor(now) {
            return Err(Refusal::Expired(listed.expires_at));
        }
        Ok(Verified {
            document: checked.hook,
            digest,
            signers: checked.people,
            listed: listed.clone(),
            envelope: bytes.to_vec(),
        })
    }

    /// All but hook list and claim; without `me` (not enrolled) all but customer and audience too.
    pub fn verify_offline(
        &self,
        bytes: &[u8],
        me: Option<&Me>,
        now: Time,
    ) -> Result<Offline<Hook>, Refusal> {
        let checked = self.check(bytes, me, now)?;
        Ok(Offline {
            digest: checked.envelope.digest(),
            document: checked.hook,
            signers: checked.people,
            envelope: bytes.to_vec(),
        })
    }

    /// Whether a run that was started may go on: full, expired and superseded do not cut it off.
    pub fn still_wanted(&self, hook: &Verified<Hook>) -> Result<(), Refusal> {
        if self
            .list()
            .is_some_and(|l| l.stopped.contains(&hook.digest))
        {
            return Err(Refusal::Stopped);
        }
        let envelope = Envelope::from_bson(&hook.envelope, MAX_DOCUMENT)?;
        let Some(roster) = self.roster() else {
            // A new root may have taken it away until the next is fetched.
            let taken_back = self.revocations.of_hook(&hook.digest);
            return taken_back.map_or(Ok(()), |why| Err(Refusal::HookRevoked(why.to_owned())));
        };
        let signers = people::signers(&envelope, roster);
        self.not_revoked(
            hook,
            &envelope,
            &signers,
            roster,
            &For::AllOf(&hook.customers),
        )
        .or_else(|refusal| match refusal {
            // Only what was taken back cuts a run off; a new roster that left someone out does not.
            Refusal::HookRevoked(_) | Refusal::SignerRevoked { .. } => Err(refusal),
            _ => Ok(()),
        })
    }

    fn check(&self, bytes: &[u8], me: Option<&Me>, now: Time) -> Result<Checked, Refusal> {
        let envelope = Envelope::from_bson(bytes, MAX_DOCUMENT)?;
        envelope.expect_type(Hook::PAYLOAD_TYPE)?;
        let roster = self.roster().ok_or(Refusal::NoRoster)?;
        let signers = people::signers(&envelope, roster);
        if signers.is_empty() {
            return Err(Refusal::NoRosterSignature);
        }
        format_is_known(&envelope.payload.0, me)?;
        let hook: Hook = strict::decode(&envelope.payload.0, MAX_DOCUMENT).map_err(|source| {
            Refusal::Unreadable {
                document: "hook",
                source,
            }
        })?;
        checks::validate(&hook)?;
        let whom = me.map_or(For::AllOf(&hook.customers), |me| {
            For::Customer(&me.customer)
        });
        let people = self.enough_people(&hook, &signers, roster, &whom)?;
        if let Some(me) = me {
            meant_for(&hook, me)?;
        }
        self.in_time(&hook, now)?;
        self.trust_unexpired(roster, now)?;
        self.not_revoked(&hook, &envelope, &signers, roster, &whom)?;
        self.within_bounds(&hook)?;
        Ok(Checked {
            people,
            hook,
            envelope,
        })
    }

    fn enough_people(
        &self,
        hook: &Hook,
        signers: &[Signer],
        roster: &Roster,
        whom: &For<'_>,
    ) -> Result<Vec<crate::ids::PersonId>, Refusal> {
        let bounds = &self.root().bounds;
        people::decide(
            hook,
            signers,
            roster,
            bounds.hook_people,
            &reach::of(hook, bounds),
            whom,
        )
    }

    fn in_time(&self, hook: &Hook, now: Time) -> Result<(), Refusal> {
        if hook.not_before > now.plus_ms(SKEW) {
            return Err(Refusal::NotYet(hook.not_before));
        }
        if hook.expires_at <= self.not_before_floor(now) {
            return Err(Refusal::Expired(hook.expires_at));
        }
        Ok(())
    }

    fn trust_unexpired(&self, roster: &Roster, now: Time) -> Result<(), Refusal> {
        let now = self.not_before_floor(now);
        if roster.expires_at <= now {
            return Err(Refusal::RosterExpired(roster.expires_at));
        }
        if self.root().expires_at <= now {
            return Err(Refusal::RootExpired(self.root().expires_at));
        }
        Ok(())
    }

    /// The hook itself, and its people once more without those who were revoked.
    fn not_revoked(
        &self,
        hook: &Hook,
        envelope: &Envelope,
        signers: &[Signer],
        roster: &Roster,
        whom: &For<'_>,
    ) -> Result<(), Refusal> {
        let revoked = &self.revocations;
        if let Some(reason) = revoked.of_hook(&envelope.digest()) {
            return Err(Refusal::HookRevoked(reason.to_owned()));
        }
        let standing = people::standing(signers, revoked);
        let Some(gone) = signers.iter().find(|s| !standing.contains(s)) else {
            return Ok(());
        };
        let reason = revoked
            .of_key(&gone.keyid)
            .or_else(|| revoked.of_person(&gone.person))
            .unwrap_or_default();
        self.enough_people(hook, &standing, roster, whom)
            .map(|_| ())
            .map_err(|_| Refusal::SignerRevoked {
                person: gone.person.clone(),
                reason: reason.to_owned(),
            })
    }

    fn within_bounds(&self, hook: &Hook) -> Result<(), Refusal> {
        let bounds = &self.root().bounds;
        let life = hook.expires_at.since(hook.not_before);
        let days = u64::try_from((life + DAY - 1) / DAY).unwrap_or(u64::MAX);
        let limits = [
            ("places", u64::from(hook.places), u64::from(bounds.places)),
            ("packet_bytes", hook.packet_bytes, bounds.packet_bytes),
            (
                "total_bytes",
                hook.total_bytes,
                bounds.packet_bytes.saturating_mul(u64::from(bounds.places)),
            ),
            ("days", days, u64::from(bounds.hook_days)),
        ];
        match limits.into_iter().find(|(_, found, bound)| found > bound) {
            Some((field, found, bound)) => Err(Refusal::BeyondBounds {
                field,
                found,
                bound,
            }),
            None => Ok(()),
        }
    }
}

/// Read apart from the other fields, so that a hook of a later format gets the answer *unsupported*.
fn format_is_known(payload: &[u8], me: Option<&Me>) -> Result<(), Refusal> {
    let preface: Preface =
        strict::decode(payload, MAX_DOCUMENT).map_err(|source| Refusal::Unreadable {
            document: "hook",
            source,
        })?;
    if preface.format != FORMAT {
        return Err(Refusal::FormatTooNew {
            found: preface.format,
            known: FORMAT,
        });
    }
    let (Some(needed), Some(me)) = (preface.min_agent, me) else {
        return Ok(());
    };
    let too_old = match (
        semver::Version::parse(&needed),
        semver::Version::parse(&me.agent_version),
    ) {
        (Ok(needed), Ok(mine)) => mine < needed,
        _ => true,
    };
    if too_old {
        let needed = needed.chars().take(40).collect();
        return Err(Refusal::AgentTooOld {
            needed,
            mine: me.agent_version.clone(),
        });
    }
    Ok(())
}

fn meant_for(hook: &Hook, me: &Me) -> Result<(), Refusal> {
    let mine = match &hook.customers {
        HookCustomers::Only(list) => list.contains(&me.customer),
        HookCustomers::OptedIn => me.facts.opted_in,
    };
    if !mine {
        return Err(Refusal::NotForCustomer(me.customer.clone()));
    }
    audience::check(hook, &me.instance, &me.customer, &me.facts)
        .map_err(|mismatch| Refusal::NotForInstance(mismatch.to_string()))
}
