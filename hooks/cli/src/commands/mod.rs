//! The commands, one file each, and what they share.
pub mod audit;
pub mod explain;
pub mod hook;
pub mod inspect;
pub mod instance;
pub mod keygen;
pub mod lint;
pub mod login;
pub mod packet;
pub mod revoke;
pub mod root;
pub mod roster;
pub mod sign;
pub mod ticket;
pub mod trust;
pub mod verify;
pub mod watch;

use std::path::{Path, PathBuf};

use boathook_hooks::{ids::HookId, time::Time};

use crate::out::Out;

/// What every command is given.
pub struct Ctx {
    pub out: Out,
    /// Where sign-ins are kept.
    pub config_dir: PathBuf,
    pub now: Time,
}

/// The id of a hook, where a file is possible too. Ids are UUIDs: a file of that name is still meant as a file.
fn hook_id(text: &Path) -> Option<HookId> {
    let name = text.to_str().filter(|name| name.len() == 36)?;
    name.parse().ok().filter(|_| !text.exists())
}

/// One field of a JSON row, for a table's cell.
fn cell(row: &serde_json::Value, field: &str) -> String {
    use serde_json::Value;
    match row.get(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        // States are objects with their word inside.
        Some(Value::Object(parts)) => match parts.get(field) {
            Some(Value::String(word)) => word.replace('_', " "),
            _ => serde_json::Value::Object(parts.clone()).to_string(),
        },
        Some(other) => other.to_string(),
    }
}
