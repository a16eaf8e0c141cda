//! Rate limits by peer address, and the time limit of ordinary requests; both answer as problems.
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
    routing::Route,
};
use tower::util::BoxCloneSyncServiceLayer;
use tower_governor::{
    GovernorError, GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor,
};

use crate::{app::Shared, errors::Problem};

/// A peer's address; of IPv6 the /64, as one host owns all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer;

impl KeyExtractor for Peer {
    type Key = IpAddr;

    fn extract<T>(&self, request: &axum::http::Request<T>) -> Result<IpAddr, GovernorError> {
        let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
        Ok(
            address.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(a)| {
                neighbourhood(a.ip())
            }),
        )
    }
}

fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

/// A limit that can be laid around a route.
pub type RateLayer = BoxCloneSyncServiceLayer<Route, Request, Response, Infallible>;

/// At most `burst` at once and `per_minute` on the long run, a peer. Forgets idle peers until shutdown.
pub fn rate(app: &Shared, per_minute: u32, burst: u32) -> RateLayer {
    let period = Duration::from_secs(60) / per_minute.max(1);
    let config = Arc::new(
        GovernorConfigBuilder::default()
            .period(period)
            .burst_size(burst.max(1))
            .key_extractor(Peer)
            .finish()
            // Only a zero period or burst gives none, and neither can be here.
            .expect("period and burst are above zero"),
    );
    let (limiter, shutdown) = (config.limiter().clone(), app.shutdown.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(60)) => limiter.retain_recent(),
            }
        }
    });
    let layer = GovernorLayer::<Peer, _, Body>::new(config).error_handler(|error| match error {
        GovernorError::TooManyRequests { wait_time, .. } => {
            let mut problem = Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many",
                "too many requests from this address",
            );
            problem.retry_after = Some(wait_time.max(1));
            problem.into_response()
        }
        other => Problem::internal("limiting the rate", other).into_response(),
    });
    RateLayer::new(layer)
}

/// Cuts a request off that takes longer than the config allows. Counts until the answer's head, not its body.
pub async fn timeout(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let patience = Duration::from_secs(app.config.limits.request_seconds);
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::busy("the request took too long and was given up", 5).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_are_one_peer_and_mapped_ones_are_ipv4() {
        let v6 =
            |text: &str| neighbourhood(IpAddr::V6(text.parse().unwrap_or(Ipv6Addr::UNSPECIFIED)));
        assert_eq!(v6("2001:db8::1"), v6("2001:db8::ffff:2"));
        assert_ne!(v6("2001:db8:0:1::1"), v6("2001:db8:0:2::1"));
        assert_eq!(v6("::ffff:192.0.2.1"), IpAddr::from([192, 0, 2, 1]));
    }
}
