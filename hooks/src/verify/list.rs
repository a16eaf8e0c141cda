//! Accepting a hook list: signed by an online key, for me, not older than what was seen, not from the future.
use crate::{
    documents::{
        Document,
        hook_list::{Head, Heads, HookList},
    },
    envelope::Envelope,
    keys::KeyId,
    strict::{self, MAX_DOCUMENT},
    time::{DAY, Time},
    verify::{Floor, Me, Refusal, TrustStore, root},
};

/// What came with an accepted list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListNews {
    /// The server's history is not the one seen before: to be reported, by the list's own words.
    pub history: Option<HistoryFault>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryFault {
    #[error("the {chain}'s audit chain has {found} events, where {seen} were seen")]
    Shorter {
        chain: &'static str,
        seen: u64,
        found: u64,
    },
    #[error("event {number} of the {chain}'s audit chain is not the one that was seen")]
    Different { chain: &'static str, number: u64 },
}

impl TrustStore {
    /// Takes a list as the one that counts. Refused ones change nothing, not even the time floor.
    pub fn accept_list(&mut self, bytes: &[u8], me: &Me, now: Time) -> Result<ListNews, Refusal> {
        let (list, online) = self.read_list(bytes)?;
        if list.instance != me.instance {
            return Err(Refusal::ListOfAnother {
                mine: me.instance.clone(),
                found: list.instance,
            });
        }
        if list.customer != me.customer {
            return Err(Refusal::ListOfAnotherCustomer {
                mine: me.customer.clone(),
                found: list.customer,
            });
        }
        if list.issued_at.since(now) > DAY {
            return Err(Refusal::ListFromFuture {
                issued: list.issued_at,
                now,
            });
        }
        if list.expires_at <= self.not_before_floor(now) {
            return Err(Refusal::ListStale(list.expires_at));
        }
        if let Some(floor) = self.floors.get(&online)
            && list.number < floor.number
        {
            return Err(Refusal::ListRollback {
                seen: floor.number,
                found: list.number,
            });
        }
        let floor = self.floors.entry(online).or_insert(Floor {
            online,
            time: list.issued_at,
            number: 0,
        });
        floor.time = floor.time.max(list.issued_at);
        floor.number = list.number;
        let history = self
            .heads
            .as_ref()
            .and_then(|seen| history_fault(seen, &list.heads));
        if history.is_none() {
            self.heads = Some(list.heads.clone());
        }
        self.list = Some((list, bytes.to_vec()));
        Ok(ListNews { history })
    }

    /// A list that was accepted before, read back from a bundle.
    pub(super) fn restore_list(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let (list, _) = self.read_list(bytes)?;
        self.list = Some((list, bytes.to_vec()));
        Ok(())
    }

    fn read_list(&self, bytes: &[u8]) -> Result<(HookList, KeyId), Refusal> {
        let envelope = Envelope::from_bson(bytes, MAX_DOCUMENT)?;
        envelope.expect_type(HookList::PAYLOAD_TYPE)?;
        let online = self
            .online_signer(&envelope)
            .ok_or(Refusal::UnknownOnlineKey)?;
        let list: HookList =
            strict::decode(&envelope.payload.0, MAX_DOCUMENT).map_err(|source| {
                Refusal::Unreadable {
                    document: "hook list",
                    source,
                }
            })?;
        root::critical("hook list", &list.critical)?;
        if list.expires_at <= list.issued_at || list.expires_at.since(list.issued_at) > DAY {
            return Err(Refusal::Unsound {
                document: "hook list",
                what: "it must live at most 24 h".into(),
            });
        }
        Ok((list, online))
    }

    /// The list, if it may still start something.
    pub(super) fn fresh_list(&self, me: &Me, now: Time) -> Result<&HookList, Refusal> {
        let list = self.list().ok_or(Refusal::NoList)?;
        if list.instance != me.instance {
            return Err(Refusal::ListOfAnother {
                mine: me.instance.clone(),
                found: list.instance.clone(),
            });
        }
        if list.expires_at <= self.not_before_floor(now) {
            return Err(Refusal::ListStale(list.expires_at));
        }
        if list.root_version > self.root().version {
            return Err(Refusal::RootMissing {
                wanted: list.root_version,
                have: self.root().version,
            });
        }
        let have = self.roster().map_or(0, |r| r.version);
        if list.roster_version > have {
            return Err(Refusal::RosterMissing {
                wanted: list.roster_version,
                have,
            });
        }
        let missing: u64 = list
            .revokers
            .iter()
            .map(|h| {
                let wanted = self.revocations.countable(&h.revoker, h.number);
                wanted.saturating_sub(self.revocations.last(&h.revoker))
            })
            .fold(0, u64::saturating_add);
        if missing > 0 {
            return Err(Refusal::RevocationsMissing { missing });
        }
        Ok(list)
    }
}

fn history_fault(seen: &Heads, now: &Heads) -> Option<HistoryFault> {
    let one = |chain, seen: &Head, now: &Head| {
        if now.number < seen.number {
            Some(HistoryFault::Shorter {
                chain,
                seen: seen.number,
                found: now.number,
            })
        } else if now.number == seen.number && now.hash != seen.hash {
            Some(HistoryFault::Different {
                chain,
                number: seen.number,
            })
        } else {
            None
        }
    };
    one("customer", &seen.customer, &now.customer).or_else(|| one("house", &seen.house, &now.house))
}
