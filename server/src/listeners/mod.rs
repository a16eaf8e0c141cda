//! Binding, serving and draining: the HTTPS listener for agents and people, and the one for operators.
mod ops;
mod start;

pub use ops::router as ops_router;
pub use start::{Running, ServeError, open, serve, serve_with};
