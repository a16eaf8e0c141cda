//! The client of the server's JSON API.
mod problem;

pub use problem::Problem;
