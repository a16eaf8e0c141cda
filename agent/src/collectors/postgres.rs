//! `postgres`: what a server tells of itself by built-in queries in read-only transactions, one CSV file a query.
mod connect;
mod guard;
mod queries;
mod secret;
mod session;
pub mod socket;
mod table;

use std::time::Duration;

use boathook_hooks::collectors::postgres::{Params, Section as Part};
use tokio_postgres::error::SqlState;

use crate::child::{
    out::{Section, Stop},
    wire::Job,
};
use queries::Query;
use session::Session;

pub fn collect(params: &Params, job: &Job, section: &mut Section) -> Result<(), Stop> {
    let Some(credential) = job.credentials.iter().find(|c| c.name == params.credential) else {
        return Err(Stop::DeniedByPolicy(format!(
            "there is no credential {:?} in credentials.toml",
            params.credential
        )));
    };
    let place = connect::place(params, &job.grants)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Stop::system("starting", &error))?;
    let left = section.time_left();
    let late = section.late();
    let work = async {
        let mut session = Session::begin(params, credential, &place).await?;
        let outcome = collect_parts(params, &mut session, section).await;
        session.end().await;
        outcome
    };
    runtime.block_on(async { tokio::time::timeout(left, work).await.unwrap_or(Err(late)) })
}

async fn collect_parts(
    params: &Params,
    session: &mut Session,
    section: &mut Section,
) -> Result<(), Stop> {
    let mut good = 0_u32;
    let mut first: Option<Stop> = None;
    for part in params.wanted() {
        for query in queries::of(part, session.version) {
            section.check_time()?;
            match one(query, params.rows, session, section).await {
                Ok(()) => good += 1,
                Err(Broken::Stop(stop)) => return Err(stop),
                Err(Broken::Query(error)) => {
                    let why = session::words(&error);
                    section.leave_out(&format!("{}: {why}", query.file), 0, 1);
                    section.truncate("not every query could be answered");
                    first.get_or_insert_with(|| refused(&error, &why));
                    if session.is_closed() {
                        return Err(first.unwrap_or(Stop::Failed(why)));
                    }
                }
            }
        }
        if part == Part::Activity {
            section.leave_out(
                "the texts of running queries, which may hold data of people",
                0,
                0,
            );
        }
    }
    match first {
        Some(stop) if good == 0 => Err(stop),
        _ => Ok(()),
    }
}

/// Why a file is not there, or not whole.
enum Broken {
    Stop(Stop),
    Query(tokio_postgres::Error),
}

impl From<Stop> for Broken {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<tokio_postgres::Error> for Broken {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Query(error)
    }
}

/// One query, row by row into its file.
async fn one(
    query: &Query,
    most: u32,
    session: &mut Session,
    section: &mut Section,
) -> Result<(), Broken> {
    let mut rows = session.query(query.sql, most).await?;
    let mut sent = 0_u32;
    let mut hidden = 0;
    let mut line = String::new();
    section.begin_file(query.file, false)?;
    table::head(&rows.columns, &mut line);
    section.write(line.as_bytes())?;
    while let Some(row) = rows.next().await? {
        section.check_time()?;
        if sent == most {
            section.truncate(&format!("more than {most} rows"));
            section.leave_out(&format!("{}: rows beyond {most}", query.file), 0, 0);
            break;
        }
        hidden += u64::from(table::row(&rows.columns, &row, query.settings, &mut line));
        section.write(line.as_bytes())?;
        sent += 1;
    }
    rows.end().await?;
    section.end_file()?;
    if hidden > 0 {
        section.leave_out(
            &format!("{}: values of settings that may hold secrets", query.file),
            0,
            hidden,
        );
    }
    Ok(())
}

fn refused(error: &tokio_postgres::Error, why: &str) -> Stop {
    let why = why.to_owned();
    match error.code() {
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => Stop::DeniedBySystem(format!(
            "{why}: grant the role pg_monitor to the credential's user"
        )),
        Some(code)
            if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE =>
        {
            Stop::TimedOut(why)
        }
        _ => Stop::Failed(why),
    }
}

/// Longest that connecting takes.
const CONNECT: Duration = Duration::from_secs(5);
