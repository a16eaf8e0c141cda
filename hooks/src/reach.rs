//! Reach: what a hook touches, and so what its signatures must be. (Being written; wide unless it is host or processes.)
use crate::documents::{hook::Hook, root::Bounds};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    Ordinary,
    Wide(Vec<WideReason>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WideReason(pub String);

impl std::fmt::Display for WideReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

pub fn of(hook: &Hook, _bounds: &Bounds) -> Reach {
    let wide: Vec<WideReason> = hook
        .collectors
        .iter()
        .filter(|c| !matches!(c.collector.as_str(), "host" | "processes"))
        .map(|c| WideReason(c.collector.clone()))
        .collect();
    if wide.is_empty() { Reach::Ordinary } else { Reach::Wide(wide) }
}
