//! The system underneath: the tree of processes, and how one is killed whole.
pub mod raw;
pub mod sweep;
pub mod tree;
