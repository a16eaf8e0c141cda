//! Leases: one aggregate a name. Servers that live: entries of one list, stamped with the time.
use boathook_hooks::time::Time;
use serde::{Deserialize, Serialize};

use crate::{
    Answer, Leased, MAX_LEASE_MS, Refused, SERVER_SILENT_MS, Scope, Server, WorkLease, Write,
    codec,
    engine::{Engine, HEAD, Home, List, Look as _, Table, ensure},
    verbs::Read,
};

/// A name's last holder. It stays when the lease is given back: numbers never go down.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Held {
    holder: String,
    fencing: u64,
    until: Time,
}

const LONGEST: usize = 255;

fn home(name: &str) -> Home {
    Home::new(Table::Work, format!("lease/{name}"))
}

fn is_word(text: &str) -> Result<(), Refused> {
    if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
        return Err(Refused::Malformed(
            "a name has 1 to 255 bytes and no control characters".into(),
        ));
    }
    Ok(())
}

impl Engine {
    pub(crate) async fn lease(
        &self,
        scope: &Scope,
        write: Write,
        name: String,
        holder: String,
        ttl_ms: i64,
    ) -> Answer<Leased> {
        let allowed = scope.holds_house();
        self.write("lease", write, home(&name), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            is_word(&name)?;
            is_word(&holder)?;
            let fits = (1..=MAX_LEASE_MS).contains(&ttl_ms);
            let why = || Refused::Malformed(format!("a lease is 1 to {MAX_LEASE_MS} ms long"));
            ensure(fits, why())?;
            let now = tx.now();
            let found: Held = tx.read("lease", &tx.here(HEAD))?.unwrap_or_default();
            let runs = found.until > now;
            let own = found.holder == holder;
            if runs && !own {
                return Ok(Leased::Held {
                    by: found.holder,
                    until: found.until,
                });
            }
            // Once it ran out nobody knows what happened since: also its last holder begins anew.
            let held = Held {
                holder: holder.clone(),
                fencing: found.fencing + u64::from(!runs),
                until: now.plus_ms(ttl_ms).max(found.until),
            };
            tx.put("lease", HEAD, &held)?;
            Ok(Leased::Yours(WorkLease {
                fencing: held.fencing,
                until: held.until,
            }))
        })
        .await
    }

    pub(crate) async fn give_lease(
        &self,
        scope: &Scope,
        write: Write,
        name: String,
        holder: String,
        fencing: u64,
    ) -> Answer<bool> {
        let allowed = scope.holds_house();
        self.write("give_lease", write, home(&name), move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            let found: Held = tx.read("lease", &tx.here(HEAD))?.unwrap_or_default();
            let is_held = found.holder == holder && found.fencing == fencing;
            if !is_held || found.until <= tx.now() {
                return Ok(false);
            }
            let given = Held {
                until: tx.now(),
                ..found
            };
            tx.put("lease", HEAD, &given)?;
            Ok(true)
        })
        .await
    }

    pub(crate) async fn register_server(
        &self,
        scope: &Scope,
        write: Write,
        id: String,
        address: String,
        started: Time,
    ) -> Answer<()> {
        let allowed = scope.holds_house();
        let loose = Home::new(Table::Loose, write.op_id.0);
        self.write("register_server", write, loose, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            is_word(&id)?;
            is_word(&address)?;
            let server = Server {
                id: id.clone(),
                address: address.clone(),
                started,
                seen: tx.now(),
            };
            let stamp = u64::try_from(server.seen.ms()).unwrap_or(0);
            let body = codec::encode("server", &server)?;
            tx.list_stamped(List::Servers, "", &id, Some(body), stamp);
            Ok(())
        })
        .await
    }

    pub(crate) async fn unregister_server(
        &self,
        scope: &Scope,
        write: Write,
        id: String,
    ) -> Answer<()> {
        let allowed = scope.holds_house();
        let loose = Home::new(Table::Loose, write.op_id.0);
        self.write("unregister_server", write, loose, move |tx| {
            ensure(allowed, Refused::OutOfScope)?;
            is_word(&id)?;
            // Later than what it said of itself in the same millisecond.
            let stamp = u64::try_from(tx.now().ms()).unwrap_or(0) + 1;
            tx.list_stamped(List::Servers, "", &id, None, stamp);
            Ok(())
        })
        .await
    }

    pub(crate) async fn servers(&self, scope: &Scope, now: Time) -> Read<Vec<Server>> {
        let allowed = scope.holds_house();
        self.read("servers", move |look| {
            if !allowed {
                return Ok(Vec::new());
            }
            let mut live = Vec::new();
            for (_, body) in look.list(List::Servers, "", "", usize::MAX)? {
                let server: Server = codec::decode("server", &body)?;
                if now.since(server.seen) <= SERVER_SILENT_MS {
                    live.push(server);
                }
            }
            Ok(live)
        })
        .await
    }
}
