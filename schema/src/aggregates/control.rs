//! The control log's verbs.
use boathook_hooks::{ids::Digest, states::HookState, time::Time};

use crate::{
    ActiveHooks, Answer, Change, ControlPage, Refused, Revision, Scope, StoppedHook, Write, codec,
    engine::{Applied, Engine, Home, List, Table, Tx, control, ensure, look::Rows},
    page::MAX_PAGE,
    verbs::Read,
};

/// Hooks that are read at once.
const READ: usize = 500;

impl Engine {
    pub(crate) async fn append_control(
        &self,
        scope: &Scope,
        write: Write,
        change: Change,
    ) -> Answer<u64> {
        let (allowed, home) = (scope.holds_house(), Home::new(Table::Loose, write.op_id.0));
        let body = move |tx: &mut Tx<'_>| {
            ensure(allowed, Refused::OutOfScope)?;
            tx.control(change.clone());
            Ok(0)
        };
        let told = |number: &mut u64, applied: &Applied| *number = applied.control.unwrap_or(0);
        self.write_told("append_control", write, home, body, told)
            .await
    }

    pub(crate) async fn changes_since(
        &self,
        scope: &Scope,
        after: u64,
        limit: u32,
    ) -> Read<ControlPage> {
        let allowed = scope.holds_house();
        self.read("changes_since", move |look| {
            if !allowed {
                return Ok(ControlPage {
                    head: control::head(look)?,
                    entries: Vec::new(),
                });
            }
            let limit = limit.clamp(1, MAX_PAGE) as usize;
            let (entries, head) = control::since(look, after, limit)?;
            Ok(ControlPage { head, entries })
        })
        .await
    }

    pub(crate) async fn active_hooks(&self, scope: &Scope, now: Time) -> Read<ActiveHooks> {
        // Before the hooks are: what changes meanwhile is told again by the log from this number on.
        let number = self
            .read("active_hooks", |look| control::head(look))
            .await?;
        let (mut hooks, mut stopped, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        let mut after = String::new();
        loop {
            let above = after.clone();
            let rows: Rows = self
                .read("active_hooks", move |look| {
                    look.list(List::ActiveHooks, "", &above, READ)
                })
                .await?;
            for (sort, body) in &rows {
                // One that cannot be read must not take the others with it.
                let Ok(revision) = codec::decode::<Revision>("revision", body) else {
                    unreadable.extend(sort.parse::<Digest>().ok().filter(|_| scope.holds_house()));
                    continue;
                };
                let seen = revision.opted_in || scope.holds_any(&revision.customers);
                if !seen || revision.expires_at() <= now {
                    continue;
                }
                match revision.state {
                    HookState::Published => hooks.push(revision),
                    HookState::Stopped { .. } => stopped.push(StoppedHook {
                        until: revision.expires_at(),
                        digest: revision.digest,
                        customers: revision.customers,
                        opted_in: revision.opted_in,
                    }),
                    _ => {}
                }
            }
            match rows.last() {
                Some((last, _)) if rows.len() == READ => after.clone_from(last),
                _ => break,
            }
        }
        Ok(ActiveHooks {
            number,
            hooks,
            stopped,
            unreadable,
        })
    }

    pub(crate) async fn refresh_control(&self) -> Read<u64> {
        let number = self
            .read("refresh_control", |look| control::head(look))
            .await?;
        self.woken().send_if_modified(|head| {
            let higher = number > *head;
            *head = number.max(*head);
            higher
        });
        Ok(number)
    }
}
