//! What the end-to-end tests stand on: real parts, started and stopped by tests.
pub mod postgres;
pub mod tls;
