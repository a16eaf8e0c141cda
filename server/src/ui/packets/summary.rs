//! How a packet's sections came out, in words; and the titles of the hooks that lists tell of.
use std::collections::{BTreeMap, BTreeSet};

use boathook_hooks::{ids::HookId, packet::Outcome};
use boathook_schema::{Packet, Scope};
use bson::Document;
use futures_util::future::try_join_all;

use crate::{
    app::App,
    errors::Answer,
    ui::{shown::Shown, words::Mark},
};

impl From<Outcome> for Mark {
    fn from(outcome: Outcome) -> Self {
        let (word, shape, class) = match outcome {
            Outcome::Ok => ("ok", "●", "good"),
            Outcome::Truncated => ("truncated", "◗", "wants"),
            Outcome::TimedOut => ("timed out", "◔", "bad"),
            Outcome::Failed => ("failed", "✕", "bad"),
            Outcome::DeniedByPolicy => ("denied by policy", "⊘", "wants"),
            Outcome::DeniedBySystem => ("denied by system", "⊘", "bad"),
            Outcome::Unsupported => ("unsupported", "◌", "over"),
        };
        Self {
            word,
            shape,
            class,
            why: None,
        }
    }
}

/// The worst first: what a reader must know before relying on the rest.
pub fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Failed => 0,
        Outcome::Truncated => 1,
        Outcome::TimedOut => 2,
        Outcome::DeniedByPolicy => 3,
        Outcome::DeniedBySystem => 4,
        Outcome::Unsupported => 5,
        Outcome::Ok => 6,
    }
}

/// How many sections came out how, `ok` first.
#[derive(Debug, Default, PartialEq)]
pub struct Tally(pub Vec<(usize, Mark)>);

impl Tally {
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut counts: BTreeMap<u8, (usize, Outcome)> = BTreeMap::new();
        for outcome in outcomes {
            let key = match outcome {
                Outcome::Ok => 0,
                other => 1 + rank(other),
            };
            counts.entry(key).or_insert((0, outcome)).0 += 1;
        }
        Self(
            counts
                .into_values()
                .map(|(n, outcome)| (n, outcome.into()))
                .collect(),
        )
    }

    /// From the summaries that lists carry.
    pub fn of_summaries(sections: &[Document]) -> Self {
        let outcome = |section: &Document| {
            let word = section.get_str("outcome").ok()?;
            serde_json::from_value(word.into()).ok()
        };
        Self::of(sections.iter().filter_map(outcome))
    }
}

/// The titles of hooks.
pub async fn hook_titles(
    app: &App,
    scope: &Scope,
    packets: &[Packet],
) -> Answer<BTreeMap<HookId, Shown>> {
    let ids: BTreeSet<_> = packets.iter().map(|p| &p.hook).collect();
    let read = ids.into_iter().map(async |id| -> Answer<_> {
        let known = app.store.hook(scope, id).await?;
        let title = known.map_or_else(|| id.to_string(), |h| h.title);
        Ok((id.clone(), Shown::cut(&title, 80)))
    });
    Ok(try_join_all(read).await?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_counted_by_word_ok_first_and_then_the_worst() {
        let doc = |outcome: &str| bson::doc! { "outcome": outcome };
        let tally = Tally::of_summaries(&[
            doc("truncated"),
            doc("ok"),
            doc("failed"),
            doc("ok"),
            doc("nonsense"),
        ]);
        let words: Vec<_> = tally.0.iter().map(|(n, mark)| (*n, mark.word)).collect();
        assert_eq!(words, [(2, "ok"), (1, "failed"), (1, "truncated")]);
    }
}
