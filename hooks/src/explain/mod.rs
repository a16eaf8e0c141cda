//! The explanation of a hook in plain words, one function for the command, the pages and the agent.
mod english;
pub mod message;
pub mod text;

pub use message::Message;
pub use text::printable;
