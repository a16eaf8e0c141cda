//! Prometheus metrics of the whole server, and the middleware that counts requests by route.
use std::{sync::Mutex, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::app::Shared;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route's pattern, never a path with ids in it.
    pub route: String,
    pub method: String,
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    pub route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    pub outcome: &'static str,
}

/// A counter of what is counted elsewhere.
#[derive(Debug, Default)]
pub struct Total {
    counter: Counter,
}

impl Total {
    pub fn set(&self, total: u64) {
        self.counter
            .inner()
            .fetch_max(total, std::sync::atomic::Ordering::Relaxed);
    }
}

type Histograms = Family<RouteLabels, Histogram, fn() -> Histogram>;

/// Everything that `/metrics` shows.
pub struct Metrics {
    registry: Mutex<Registry>,
    pub requests: Family<RequestLabels, Counter>,
    pub seconds: Histograms,
    pub long_polls: Gauge,
    pub lists_cut: Counter,
    pub uploads: Gauge,
    pub upload_bytes: Counter,
    pub claims: Family<OutcomeLabels, Counter>,
    pub packets: Family<OutcomeLabels, Counter>,
    pub answers: Family<OutcomeLabels, Counter>,
    pub sign_ins: Family<OutcomeLabels, Counter>,
    /// The control number this server has taken in.
    pub control_number: Gauge,
    /// How often a published hook was met whose bytes cannot be read.
    pub unreadable_hooks: Counter,
    /// 1 while packet objects cannot be reached or written.
    pub objects_degraded: Gauge,
    pub objects_failures: Total,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("boathook");
        let buckets: fn() -> Histogram =
            || Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0]);
        let metrics = Self {
            registry: Mutex::new(Registry::default()),
            requests: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            long_polls: Gauge::default(),
            lists_cut: Counter::default(),
            uploads: Gauge::default(),
            upload_bytes: Counter::default(),
            claims: Family::default(),
            packets: Family::default(),
            answers: Family::default(),
            sign_ins: Family::default(),
            control_number: Gauge::default(),
            unreadable_hooks: Counter::default(),
            objects_degraded: Gauge::default(),
            objects_failures: Total::default(),
        };
        registry.register(
            "requests",
            "Requests by route and status",
            metrics.requests.clone(),
        );
        registry.register(
            "request_seconds",
            "Time to the answer's head",
            metrics.seconds.clone(),
        );
        registry.register(
            "long_polls",
            "Long polls that are held now",
            metrics.long_polls.clone(),
        );
        registry.register(
            "lists_cut",
            "Signed hook lists that had no room for all",
            metrics.lists_cut.clone(),
        );
        registry.register("uploads", "Uploads under way", metrics.uploads.clone());
        registry.register(
            "upload_bytes",
            "Bytes of packets received",
            metrics.upload_bytes.clone(),
        );
        registry.register("claims", "Claims by outcome", metrics.claims.clone());
        registry.register("packets", "Packets by outcome", metrics.packets.clone());
        registry.register("answers", "Answers by kind", metrics.answers.clone());
        registry.register("sign_ins", "Sign-ins by outcome", metrics.sign_ins.clone());
        registry.register(
            "control_number",
            "Control number taken in",
            metrics.control_number.clone(),
        );
        registry.register(
            "unreadable_hooks",
            "Times that a published hook was left out as it cannot be read",
            metrics.unreadable_hooks.clone(),
        );
        registry.register(
            "objects_degraded",
            "1 while packets cannot be stored or read",
            metrics.objects_degraded.clone(),
        );
        registry.register(
            "objects_failures",
            "Operations on packet objects that failed",
            metrics.objects_failures.counter.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            ..metrics
        }
    }
}

impl Metrics {
    /// OpenMetrics text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let registry = self.registry.lock().unwrap_or_else(|e| e.into_inner());
        // Writing to a String cannot fail.
        let _ = encode(&mut out, &registry);
        out
    }
}

/// Counts a request by its route's pattern.
pub async fn count(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |p| p.as_str().to_owned());
    let method = match request.method().as_str() {
        m @ ("GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS") => m.to_owned(),
        _ => "other".to_owned(),
    };
    let begin = Instant::now();
    let response = next.run(request).await;
    let seconds = begin.elapsed().as_secs_f64();
    let metrics = &app.metrics;
    metrics
        .seconds
        .get_or_create(&RouteLabels {
            route: route.clone(),
        })
        .observe(seconds);
    let status = response.status().as_u16();
    metrics
        .requests
        .get_or_create(&RequestLabels {
            route,
            method,
            status,
        })
        .inc();
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_every_metric_with_its_prefix() {
        let metrics = Metrics::default();
        metrics
            .claims
            .get_or_create(&OutcomeLabels { outcome: "granted" })
            .inc();
        let text = metrics.text();
        assert!(
            text.contains("boathook_claims_total{outcome=\"granted\"} 1"),
            "{text}"
        );
        assert!(text.contains("boathook_long_polls 0"));
    }
}
