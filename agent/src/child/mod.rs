//! The child: the process of one run that holds the collectors, and the daemon's side of it.
pub mod wire;
