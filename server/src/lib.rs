//! `boathook-server`: agent protocol, JSON API and periodic work over the store; the binary only wires.
#![forbid(unsafe_code)]

pub mod agent;
pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod erasing;
pub mod errors;
pub mod keys;
pub mod limits;
pub mod listeners;
pub mod lists;
pub mod live;
pub mod metrics;
pub mod oidc;
pub mod people;
pub mod periodic;
pub mod routes;
pub mod tls;
pub mod trust;
pub mod ui;
mod unreadable;
pub mod uploads;
pub mod waves;
mod web;

pub use listeners::{Running, serve, serve_with};

use boathook_schema::{Store, StoreError};

/// The store that the config names, migrated already and no half of a copy.
pub async fn open_store(config: &config::Config) -> Result<Store, StoreError> {
    let store = Store::open_with(&config.store_url(), &config.objects).await?;
    match store.is_half_copied().await? {
        true => Err(StoreError::HalfCopied),
        false => Ok(store),
    }
}
