//! Numbers by UTC day: events of each kind, and hooks by how they fared.
use std::collections::BTreeMap;

use axum::extract::State;
use boathook_hooks::{
    ids::CustomerId,
    time::{DAY, Time},
};
use boathook_schema::{Chain, DayStat, HookDay};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::kept_days;
use crate::{
    api::extract::{Json, List, Query},
    app::{App, Shared},
    errors::{Answer, Problem},
    people::{Caller, Viewer},
};

/// Days of one answer about hooks.
pub const MOST_DAYS: i64 = 400;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DaysQuery {
    /// A UTC day, included.
    pub from: String,
    /// A UTC day, included.
    pub to: String,
    #[param(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DayView {
    pub chain: String,
    pub day: String,
    pub kind: String,
    pub count: u64,
    pub bytes: u64,
}

impl From<DayStat> for DayView {
    fn from(stat: DayStat) -> Self {
        Self {
            chain: stat.chain.to_string(),
            day: stat.day,
            kind: stat.kind.to_string(),
            count: stat.count,
            bytes: stat.bytes,
        }
    }
}

/// Hooks of one UTC day, each counted once, and the packets that came.
#[derive(Debug, Serialize, ToSchema)]
pub struct HookDayView {
    pub day: String,
    /// Published at any moment of it.
    pub active: u64,
    /// Active, and nobody claimed, sent or failed.
    pub inactive: u64,
    /// With at least one packet in which no section failed.
    pub working: u64,
    /// With at least one run that failed or was interrupted; may be working too.
    pub failed: u64,
    pub packets: u64,
}

impl From<HookDay> for HookDayView {
    fn from(day: HookDay) -> Self {
        Self {
            day: day.day,
            active: day.active,
            inactive: day.inactive,
            working: day.working,
            failed: day.failed,
            packets: day.packets,
        }
    }
}

/// The first moment of a day.
fn start(field: &str, day: &str) -> Answer<Time> {
    let wrong = || Problem::field(field, "that is no day", "a day in UTC such as 2026-11-21");
    match day.len() {
        10 => format!("{day}T00:00:00Z").parse().map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// The first moments of the first and of the last day; without a first, of so many days.
pub fn span(from: Option<&str>, to: &str, otherwise: i64) -> Answer<(Time, Time)> {
    let to = start("to", to)?;
    let from = match from {
        Some(day) => start("from", day)?,
        None => to.plus_ms(-(otherwise - 1) * DAY),
    };
    if from > to {
        return Err(Problem::field(
            "from",
            "it is after the last day",
            "an earlier day",
        ));
    }
    if to.since(from) >= MOST_DAYS * DAY {
        return Err(Problem::field(
            "from",
            "that is too long",
            format!("at most {MOST_DAYS} days"),
        ));
    }
    Ok((from, to))
}

/// Hooks by day, of one customer or of all that the caller may read.
pub async fn by_day(
    app: &App,
    caller: &Caller,
    customer: Option<CustomerId>,
    (from, to): (Time, Time),
) -> Answer<Vec<HookDay>> {
    if let Some(customer) = &customer {
        caller.must_hold(customer)?;
    }
    let chain = customer.map(Chain::Customer);
    let now = app.now();
    let all = to.since(from) / DAY;
    let days: Vec<String> = (0..=all).map(|n| from.plus_ms(n * DAY).day()).collect();
    let name = kept_days::name(&caller.scope, chain.as_ref());
    let kept = name.as_ref().map(|name| app.days.of(name, &days, now));
    let mut found: BTreeMap<String, HookDay> = BTreeMap::new();
    found.extend(kept.into_iter().flatten().map(|d| (d.day.clone(), d)));
    let mut missing = days.iter().filter(|day| !found.contains_key(*day));
    if let Some(first) = missing.next() {
        let last = missing.next_back().unwrap_or(first);
        let counted = app.store.hook_days(&caller.scope, chain, first, last);
        let counted = counted.await?;
        if let Some(name) = &name {
            app.days.keep(name, &counted, now);
        }
        found.extend(counted.into_iter().map(|d| (d.day.clone(), d)));
    }
    Ok(found.into_values().collect())
}

/// Numbers by UTC day: events and bytes of each kind.
#[utoipa::path(get, path = "/api/v1/audit/days", tag = "audit", params(DaysQuery), responses((status = 200, body = List<DayView>)))]
pub async fn days(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(query): Query<DaysQuery>,
) -> Answer<Json<List<DayView>>> {
    start("from", &query.from)?;
    start("to", &query.to)?;
    let chain = query.customer.map(Chain::Customer);
    let days = app
        .store
        .day_stats(&caller.scope, chain, &query.from, &query.to)
        .await?;
    Ok(Json(List {
        items: days.into_iter().map(DayView::from).collect(),
        next: None,
    }))
}

/// Hooks by UTC day: active, inactive, working, failed, and packets. At most 400 days.
#[utoipa::path(get, path = "/api/v1/audit/hook-days", tag = "audit", params(DaysQuery), responses((status = 200, body = List<HookDayView>)))]
pub async fn hook_days(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(query): Query<DaysQuery>,
) -> Answer<Json<List<HookDayView>>> {
    let span = span(Some(&query.from), &query.to, 0)?;
    let days = by_day(&app, &caller, query.customer, span).await?;
    Ok(Json(List {
        items: days.into_iter().map(HookDayView::from).collect(),
        next: None,
    }))
}
