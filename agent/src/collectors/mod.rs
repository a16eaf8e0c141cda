//! The collectors, each doing what `boathook_hooks::collectors` describes under the same name. They bring raw bytes:
//! redaction is the daemon's.
mod command;
mod file;
mod host;
mod journal;
pub mod postgres;
mod processes;

use boathook_hooks::{
    collectors::{ParamsError, Parsed, parse},
    documents::hook::CollectorEntry,
};

use crate::child::{
    out::{Section, Stop},
    wire::Job,
};

/// Runs one collector into its section.
pub fn collect(job: &Job, entry: &CollectorEntry, section: &mut Section) -> Result<(), Stop> {
    let params = parse(&entry.collector, &entry.params).map_err(|error| match error {
        ParamsError::Unknown(_) => Stop::Unsupported(error.to_string()),
        ParamsError::Field { .. } => Stop::Failed(error.to_string()),
    })?;
    match params {
        Parsed::Host(params) => host::collect(&params, section),
        Parsed::File(params) => file::collect(&params, job, section),
        Parsed::Command(params) => command::collect(&params, &job.grants, section),
        Parsed::Journal(params) => journal::collect(&params, &job.grants, section),
        Parsed::Processes(params) => processes::collect(&params, &job.grants, section),
        Parsed::Postgres(params) => postgres::collect(&params, job, section),
    }
}
