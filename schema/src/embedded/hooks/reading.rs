//! Hooks as they are listed.
use boathook_hooks::ids::HookId;
use rusqlite::params;

use super::{HOOK, REVISION};
use crate::{
    HookFilter, HookRecord, HookRevision, Page, Paged, Scope, codec,
    embedded::{
        Embedded, customers_of,
        rows::{body, merged, walk},
        tx::Stop,
    },
    verbs::Read,
};

impl Embedded {
    pub(crate) async fn hook(&self, scope: &Scope, id: &HookId) -> Read<Option<HookRecord>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.read("hook", move |conn| {
            let hook = body::<HookRecord>(conn, "hook", HOOK, params![id.as_str()])?;
            Ok(hook.filter(|h| scope.holds_any(&h.customers) && !scope.is_agent()))
        })
        .await
    }

    pub(crate) async fn hook_revision(
        &self,
        scope: &Scope,
        id: &HookId,
        revision: u32,
    ) -> Read<Option<HookRevision>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.read("hook_revision", move |conn| {
            let hook = body::<HookRecord>(conn, "hook", HOOK, params![id.as_str()])?;
            match hook {
                Some(h) if scope.holds_any(&h.customers) && !scope.is_agent() => {
                    body(conn, "revision", REVISION, params![id.as_str(), revision])
                }
                _ => Ok(None),
            }
        })
        .await
    }

    pub(crate) async fn hooks(
        &self,
        scope: &Scope,
        filter: HookFilter,
        page: Page,
    ) -> Read<Paged<HookRecord>> {
        let customers = match scope {
            Scope::Instance { .. } => Some(Vec::new()),
            other => customers_of(other, filter.customer),
        };
        self.read("hooks", move |conn| {
            let (after, size) = (page.key::<String>()?.unwrap_or_default(), page.size());
            let ticket = filter.ticket.as_ref();
            let narrowed = format!(
                "h.id > ?1 AND {} AND {}",
                if filter.state.is_some() {
                    "h.state = ?2"
                } else {
                    "?2 IS NULL"
                },
                if ticket.is_some() {
                    "h.ticket_system = ?3 AND h.ticket_key = ?4"
                } else {
                    "?3 IS NULL AND ?4 IS NULL"
                },
            );
            let (system, key) = (ticket.map(|t| &t.system), ticket.map(|t| &t.key));
            let keep = |row: &rusqlite::Row<'_>| -> Result<_, Stop> {
                let hook = codec::decode("hook", &row.get::<_, Vec<u8>>(1)?)?;
                Ok(Some((row.get::<_, String>(0)?, hook)))
            };
            let Some(customers) = customers else {
                let sql =
                    format!("SELECT h.id, h.body FROM hooks h WHERE {narrowed} ORDER BY h.id");
                let params = params![after, filter.state, system, key];
                return Ok(Paged::of(walk(conn, &sql, params, size, keep)?, size));
            };
            let sql = format!(
                "SELECT h.id, h.body FROM hook_customers c JOIN hooks h ON h.id = c.hook
                 WHERE c.customer = ?5 AND c.hook > ?1 AND {narrowed} ORDER BY c.hook"
            );
            let mut rows = Vec::new();
            for customer in &customers {
                let params = params![after, filter.state, system, key, customer.as_str()];
                rows.extend(walk(conn, &sql, params, size, keep)?);
            }
            Ok(merged(rows, size))
        })
        .await
    }
}
