//! The audit's chains.
use boathook_hooks::ids::CustomerId;

use super::{Read, verbs};
use crate::{
    Answer, Chain, ChainHead, ChainVerdict, DayStat, Event, EventFilter, Head, Heads, HookDay,
    NewEvent, Page, Paged, Scope, Write,
};

verbs! {
    /// For reads and refusals, which change nothing else. Says the chain's new head.
    fn record_event(scope: &Scope, write: Write, chain: Chain, event: NewEvent) -> Answer<Head>;
    /// By number, rising or falling. A cursor goes on in the order that it was given in.
    fn events(scope: &Scope, chain: &Chain, filter: EventFilter, page: Page) -> Read<Paged<Event>>;
    /// Recomputes every hash from the first event on, and compares with a head that was seen before.
    fn verify_chain(scope: &Scope, chain: &Chain, against: Option<Head>) -> Read<ChainVerdict>;
    /// Every chain's head: the house first, then by customer.
    fn heads(scope: &Scope, page: Page) -> Read<Paged<ChainHead>>;
    /// For hook lists and receipts: the customer's head and the house's.
    fn heads_of(scope: &Scope, customer: &CustomerId) -> Read<Heads>;
    /// Hourly: puts a digest over all customers' heads into the house's chain.
    fn digest_heads(scope: &Scope, write: Write) -> Answer<Head>;
    /// Of one chain or all that the scope holds; days from `from` to `to`, both included, as `2026-11-21`: the first
    /// 20,000 rows, by day, chain and kind.
    fn day_stats(scope: &Scope, chain: Option<Chain>, from: &str, to: &str) -> Read<Vec<DayStat>>;
    /// Hooks that were active, worked and failed, for every day from `from` to `to`, both included: the first 400 days. Of
    /// one chain or all that the scope holds.
    fn hook_days(scope: &Scope, chain: Option<Chain>, from: &str, to: &str) -> Read<Vec<HookDay>>;
    /// Makes a day's statistics again from its events. Says how many events there were.
    fn recount_day(scope: &Scope, write: Write, chain: Chain, day: String) -> Answer<u64>;
}
