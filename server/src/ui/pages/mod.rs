//! One file a page: its struct, its handler and its tests, beside its template.
pub mod help;
pub mod home;
pub mod sign_in;
pub mod tickets;
