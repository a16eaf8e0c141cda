//! What the end-to-end tests stand on: real parts, started and stopped by tests.
pub mod api;
pub mod bench;
pub mod cluster;
pub mod liar;
pub mod parts;
pub mod postgres;
pub mod sim;
pub mod sim_packet;
pub mod tls;
pub mod world;

/// The one TLS provider of this process; later calls change nothing.
pub fn provider() {
    // An error only says that it was installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
