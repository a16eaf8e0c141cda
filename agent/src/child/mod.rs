//! The child: the process of one run that holds the collectors, and the daemon's side of it.
mod frames;
mod isolation;
pub mod launch;
mod order;
pub mod out;
mod run;
mod supervise;
mod verify_again;
pub mod wire;

pub use run::child_main;
pub use supervise::{Run, RunEnd, run_child};
pub use verify_again::reverify;
