//! The authoring form: a hook as TOML that people write, turned into the payload and back.
pub mod human;
