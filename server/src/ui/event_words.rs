//! Events in plain words: who did what. One place for all pages, so that one deed reads the same everywhere.
use std::collections::{BTreeSet, HashMap};

use boathook_hooks::ids::HookId;
use boathook_schema::{Actor, Event, Scope};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::try_join;

use crate::{
    app::App,
    errors::Answer,
    ui::{names::Names, shown::Shown},
};

/// Hooks that are looked up at once.
const AT_ONCE: usize = 16;

/// What events name by id: titles of hooks, names of instances. What the caller may not see keeps its id.
pub struct Told {
    hooks: HashMap<HookId, String>,
    names: Names,
}

impl Told {
    pub async fn of(app: &App, scope: &Scope, events: &[Event]) -> Answer<Self> {
        let ids: BTreeSet<&HookId> = events.iter().filter_map(|e| e.refs.hook.as_ref()).collect();
        let titles = ids.into_iter().map(async |id| -> Answer<_> {
            let hook = app.store.hook(scope, id).await?;
            Ok(hook.map(|hook| (id.clone(), Shown::cut(&hook.title, 200).plain())))
        });
        let titles: Vec<_> = titles.collect();
        let titles = stream::iter(titles)
            .buffered(AT_ONCE)
            .try_collect::<Vec<_>>();
        let acting = events.iter().filter_map(|e| match &e.actor {
            Some(Actor::Instance(id)) => Some(id),
            _ => None,
        });
        let about = events.iter().filter_map(|e| e.refs.instance.as_ref());
        let names = Names::of(app, scope, about.chain(acting));
        let (titles, names) = try_join!(titles, names)?;
        let hooks = titles.into_iter().flatten().collect();
        Ok(Self { hooks, names })
    }

    pub fn who(&self, event: &Event) -> String {
        match &event.actor {
            Some(Actor::Person(id)) => id.to_string(),
            Some(Actor::Instance(id)) => self.names.get(id).plain(),
            Some(Actor::System) => "boathook".to_owned(),
            None => "somebody whose name was erased".to_owned(),
        }
    }

    /// Such as `published revision 2 of db-and-logs`.
    pub fn what(&self, event: &Event) -> String {
        let said = self.of_hook(event).or_else(|| self.of_instance(event));
        match said.or_else(|| of_house(event)) {
            // Titles and names are others' words.
            Some(said) => Shown::cut(&said, 1_000).plain(),
            // A kind that this program does not know yet reads as it is called.
            None => event.kind.to_string().replace('_', " "),
        }
    }

    /// `revision 2 of db-and-logs`.
    fn revision(&self, event: &Event) -> String {
        let hook = event.refs.hook.as_ref();
        let title = hook.map(|id| self.hooks.get(id).map_or(id.as_str(), String::as_str));
        let title = title.unwrap_or("a hook");
        match number(event, "revision") {
            Some(n) => format!("revision {n} of {title}"),
            None => title.to_owned(),
        }
    }

    fn instance(&self, event: &Event) -> String {
        match &event.refs.instance {
            Some(id) => self.names.get(id).plain(),
            None if event.count > 1 => format!("{} instances", event.count),
            None => "an instance".to_owned(),
        }
    }

    fn of_hook(&self, event: &Event) -> Option<String> {
        let (r, i) = (self.revision(event), self.instance(event));
        let accepted = number(event, "accepted").unwrap_or(0);
        let packets = match accepted {
            1 => "1 packet".to_owned(),
            n => format!("{n} packets"),
        };
        Some(match &*event.kind.0 {
            "draft_put" => format!("wrote {r}"),
            "hook_moved" => match text(event, "state") {
                "in review" => format!("sent {r} to review"),
                "sent back" => format!("sent back {r}"),
                "held" => format!("held {r}"),
                "draft" => format!("took {r} back to a draft"),
                state => format!("moved {r} to {state}"),
            },
            "hook_signed" => format!("signed {r}"),
            "hook_published" => format!("published {r}"),
            "hook_stopped" => match text(event, "by") {
                "overruns" => format!("stopped {r}: instances sent more than they declared"),
                "errors" => format!("stopped {r}: too many of its runs failed"),
                _ => format!("stopped {r}, with {packets}"),
            },
            "hook_lowered" => format!("lowered the limits of {r}"),
            "hook_widened" => format!("offered {r} to more instances"),
            "hook_expired" => format!("ended {r}: its time is over, with {packets}"),
            "hook_full" => format!("ended {r}: it is full, with {packets}"),
            "hook_superseded" => format!("replaced {r} by a newer one"),
            "claims_granted" => format!("gave {i} a place in {r}"),
            "claim_sized" => format!("told the size of its packet for {r}"),
            "claim_released" => match text(event, "answer") {
                "failed" => format!("failed to run {r}"),
                "interrupted" => format!("was interrupted running {r}"),
                answer => format!("gave back its place in {r}: {}", answer.replace('_', " ")),
            },
            "claim_rejected" => format!("rejected the packet of {i} for {r}"),
            "claim_overrun" => format!("ended the upload of {i} for {r}: more came than declared"),
            "leases_returned" => format!("took back the place of {i} in {r}"),
            "packet_accepted" => format!("sent a packet for {r}"),
            "answer_given" => format!("answered {r}: {}", text(event, "answer").replace('_', " ")),
            "packet_judged" => match text(event, "answered") {
                "yes" => format!("said that the packet of {i} answered it"),
                "no" => format!("said that the packet of {i} did not answer it"),
                answered => format!("said that the packet of {i} answered it {answered}"),
            },
            "packet_read" if text(event, "what") == "packet.json" => {
                format!("opened the packet of {i}")
            }
            "packet_read" => format!("read {} of the packet of {i}", text(event, "what")),
            "packet_searched" => format!("searched the packet of {i}"),
            "packet_erased" => "erased a packet".to_owned(),
            _ => return None,
        })
    }

    fn of_instance(&self, event: &Event) -> Option<String> {
        let i = self.instance(event);
        let own = matches!(&event.actor, Some(Actor::Instance(id)) if Some(id) == event.refs.instance.as_ref());
        Some(match &*event.kind.0 {
            "token_used" => "took a join string that an instance brought".to_owned(),
            "instance_enrolled" if own => "enrolled".to_owned(),
            "instance_enrolled" => format!("enrolled {i}"),
            "instance_confirmed" => format!("confirmed {i}"),
            "instance_suspended" => match text(event, "reason") {
                "overrun" => format!("suspended {i}: it sent more than it declared"),
                "cloned" => format!("suspended {i}: two agents run under its key"),
                _ => format!("suspended {i}"),
            },
            "instance_resumed" => format!("resumed {i}"),
            "instance_retired" if own => "retired itself".to_owned(),
            "instance_retired" => format!("retired {i}"),
            "facts_changed" if own => "changed its facts".to_owned(),
            "facts_changed" => format!("changed the facts of {i}"),
            "session_forked" if own => "was seen twice under one key".to_owned(),
            "session_forked" => format!("saw two agents under the key of {i}"),
            "erasure_begun" => format!("began to erase {}", a(text(event, "kind"))),
            "instance_erased" => "erased an instance".to_owned(),
            _ => return None,
        })
    }
}

fn of_house(event: &Event) -> Option<String> {
    let n = number(event, "number").unwrap_or(0);
    let key = text(event, "key");
    Some(match &*event.kind.0 {
        "customer_put" => format!("named the customer {}", text(event, "name")),
        "join_token_added" => "made a join string".to_owned(),
        "name_reserved" => format!("took the name {}", text(event, "name")),
        "ticket_put" => format!("set the ticket's title to {}", text(event, "title")),
        "root_added" => format!("imported root {n}"),
        "roster_added" => format!("imported roster {n}"),
        "revocation_added" => format!("imported revocation {n}"),
        "admission_asked" => format!("asked for the admission of key {key}"),
        "admission_dropped" => format!("dropped the request for key {key}"),
        "person_put" => match event.details.get_bool("new") {
            Ok(true) => "made an account".to_owned(),
            _ => "changed an account".to_owned(),
        },
        "sign_in_opened" => "signed in".to_owned(),
        "sign_ins_ended" => "signed out".to_owned(),
        "api_token_added" => "made an API token".to_owned(),
        "api_token_ended" => "ended an API token".to_owned(),
        "heads_digested" => "tied all customers' chains to the house's".to_owned(),
        "secret_sealed" => format!("sealed the secret {}", text(event, "name")),
        "authority_refused" => match text(event, "path") {
            "" => "was refused".to_owned(),
            path => format!("was refused {} {path}", text(event, "method")),
        },
        "sign_in_refused" => "was refused a sign-in".to_owned(),
        "audit_exported" => "exported this chain".to_owned(),
        _ => return None,
    })
}

/// What a person gave as a reason, where it was not erased.
pub fn reason(event: &Event) -> Option<&str> {
    let personal = event.personal.as_ref()?;
    ["words", "why"]
        .iter()
        .find_map(|key| personal.get_str(key).ok())
}

fn a(kind: &str) -> String {
    match kind {
        "instance" => "an instance".to_owned(),
        other => format!("a {other}"),
    }
}

fn text<'a>(event: &'a Event, key: &str) -> &'a str {
    event.details.get_str(key).unwrap_or_default()
}

fn number(event: &Event, key: &str) -> Option<i64> {
    let value = event.details.get(key)?;
    value.as_i64().or_else(|| value.as_i32().map(i64::from))
}

/// Every kind with its words, for filters.
pub const KINDS: [(&str, &str); 50] = [
    ("draft_put", "hook written"),
    ("hook_moved", "hook sent to review, back or held"),
    ("hook_signed", "hook signed"),
    ("hook_published", "hook published"),
    ("hook_stopped", "hook stopped"),
    ("hook_lowered", "hook lowered"),
    ("hook_widened", "hook offered to more"),
    ("hook_expired", "hook expired"),
    ("hook_full", "hook full"),
    ("hook_superseded", "hook replaced"),
    ("claims_granted", "places given"),
    ("claim_sized", "size fixed"),
    ("claim_released", "place given back"),
    ("claim_rejected", "packet rejected"),
    ("claim_overrun", "more sent than declared"),
    ("leases_returned", "places taken back"),
    ("packet_accepted", "packet received"),
    ("answer_given", "answer without a packet"),
    ("packet_read", "packet read"),
    ("packet_searched", "packet searched"),
    ("ticket_put", "ticket changed"),
    ("instance_enrolled", "instance enrolled"),
    ("instance_confirmed", "instance confirmed"),
    ("instance_suspended", "instance suspended"),
    ("instance_resumed", "instance resumed"),
    ("instance_retired", "instance retired"),
    ("facts_changed", "facts changed"),
    ("session_forked", "two agents under one key"),
    ("erasure_begun", "erasing begun"),
    ("packet_erased", "packet erased"),
    ("instance_erased", "instance erased"),
    ("customer_put", "customer changed"),
    ("join_token_added", "join string made"),
    ("token_used", "join string used"),
    ("name_reserved", "name taken"),
    ("person_put", "account changed"),
    ("sign_in_opened", "sign-in"),
    ("sign_ins_ended", "sign-out"),
    ("sign_in_refused", "sign-in refused"),
    ("authority_refused", "deed refused"),
    ("api_token_added", "API token made"),
    ("api_token_ended", "API token ended"),
    ("admission_asked", "admission asked"),
    ("admission_dropped", "admission dropped"),
    ("root_added", "root imported"),
    ("roster_added", "roster imported"),
    ("revocation_added", "revocation imported"),
    ("heads_digested", "chains tied together"),
    ("secret_sealed", "secret sealed"),
    ("audit_exported", "chain exported"),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use boathook_hooks::{
        ids::{Blob, Digest},
        time::Time,
    };
    use boathook_schema::{Chain, EventKind};
    use bson::doc;

    use super::*;

    fn event(kind: &'static str) -> Event {
        Event {
            chain: Chain::House,
            number: 1,
            hash: Digest([0; 32]),
            at: Time::from_ms(0),
            kind: EventKind(kind.into()),
            actor: Some(Actor::Person("ada".parse().unwrap())),
            refs: Default::default(),
            details: doc! {},
            personal: None,
            count: 1,
            bytes: 0,
            stored: Blob(Vec::new()),
        }
    }

    #[tokio::test]
    async fn every_kind_has_words_of_its_own() {
        let house = crate::api::tests::house::House::new().await;
        let told = Told::of(&house.bench.app, &Scope::All, &[]).await.unwrap();
        for (kind, _) in KINDS {
            let raw = kind.replace('_', " ");
            assert_ne!(told.what(&event(kind)), raw, "{kind}");
        }
        assert_eq!(told.what(&event("moon_landed")), "moon landed");
    }

    #[tokio::test]
    async fn a_deed_reads_as_a_sentence() {
        let house = crate::api::tests::house::House::new().await;
        let id: HookId = house.draft(crate::api::tests::house::TOML).await["id"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let mut one = event("hook_published");
        one.refs.hook = Some(id);
        one.details = doc! { "revision": 2 };
        let events = [one];
        let told = Told::of(&house.bench.app, &Scope::All, &events)
            .await
            .unwrap();
        assert_eq!(told.who(&events[0]), "ada");
        assert_eq!(told.what(&events[0]), "published revision 2 of Host facts");
        // Who may not see the hook is told its id alone.
        let globex = Scope::one("globex".parse().unwrap());
        let told = Told::of(&house.bench.app, &globex, &events).await.unwrap();
        assert!(!told.what(&events[0]).contains("Host facts"));
    }
}
