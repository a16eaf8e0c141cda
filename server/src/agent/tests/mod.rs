//! The agent protocol through the real router and a real embedded store.
mod claiming;
mod main_way;
mod polling;
mod who;
