//! One file a page: its struct, its handler and its tests, beside its template.
pub mod audit;
pub mod editor;
pub mod help;
pub mod home;
pub mod hook;
pub mod hooks;
pub mod instance;
pub mod instances;
pub mod packet;
pub mod packet_file;
pub mod packet_search;
pub mod packets;
pub mod review;
pub mod search;
pub mod sign_in;
pub mod ticket;
pub mod tickets;
