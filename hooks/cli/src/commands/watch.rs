//! `boathook watch`: how a ticket's hooks or one hook stands, a line at each change.
use std::time::Duration;

use boathook_hooks::ids::HookId;
use clap::Args;
use serde_json::Value;

use crate::{
    client::{Client, Watching},
    commands::{Ctx, ticket::TicketRef},
    error::{Error, Result},
    profile::signed_in,
};

/// Between two tries to reach the server again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boathook watch jira/SUP-1
  boathook watch 01a1ff5c-8f84-705a-83de-7d805555ab37 --once
With --json each line is one event: that of the hook, or `hooks` and `packets` of the ticket.")]
pub struct WatchArgs {
    /// A ticket as SYSTEM/KEY, or a hook's id.
    #[arg(value_name = "TICKET|HOOK")]
    what: String,
    /// Tell how it stands now, and end.
    #[arg(long)]
    once: bool,
}

enum Thing {
    Ticket(TicketRef),
    Hook(HookId),
}

pub async fn run(ctx: &mut Ctx, args: &WatchArgs) -> Result<()> {
    let thing = match args.what.contains('/') {
        true => Thing::Ticket(args.what.parse().map_err(|e| wrong(&args.what, e))?),
        false => Thing::Hook(args.what.parse().map_err(|e| wrong(&args.what, e))?),
    };
    let (_, client) = signed_in(&ctx.config_dir, ctx.now)?;
    let mut told = Vec::new();
    let mut pause = PAUSES.0;
    loop {
        match open(&client, &thing).await {
            Ok(mut events) => {
                pause = PAUSES.0;
                while let Ok(Some(event)) = events.next().await {
                    tell(ctx, &event, &mut told)?;
                    if args.once {
                        return Ok(());
                    }
                }
            }
            // Away, or busy: it comes back. All else is an answer.
            Err(Error::Network { .. }) if !told.is_empty() => {}
            Err(Error::Problem(problem)) if !told.is_empty() && problem.status >= 500 => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

fn wrong(what: &str, why: String) -> Error {
    Error::usage(
        format!("{what:?} is neither a ticket nor a hook: {why}"),
        "give SYSTEM/KEY, such as jira/SUP-1, or a hook's id",
    )
}

async fn open(client: &Client, thing: &Thing) -> Result<Watching> {
    match thing {
        Thing::Ticket(at) => client.watch_ticket(at).await,
        Thing::Hook(id) => client.watch_hook(id).await,
    }
}

/// The lines that are new since the last event.
fn tell(ctx: &mut Ctx, event: &Value, told: &mut Vec<String>) -> Result<()> {
    ctx.out.json(event)?;
    let lines = match event["hooks"].as_array() {
        Some(hooks) => {
            let packets = format!("packets: {}", event["packets"]);
            hooks.iter().map(line).chain([packets]).collect()
        }
        None => vec![line(event)],
    };
    for new in lines.iter().filter(|line| !told.contains(line)) {
        ctx.out.line(new)?;
    }
    *told = lines;
    Ok(())
}

fn line(hook: &Value) -> String {
    let text = |name: &str| hook[name].as_str().unwrap_or("?").to_owned();
    let state = hook["state"]["state"].as_str().unwrap_or("?");
    let mut out = format!(
        "{} r{}: {}",
        text("title"),
        hook["revision"],
        state.replace('_', " ")
    );
    if let Some(why) = hook["state"]["why"].as_str() {
        out.push_str(&format!(" ({why})"));
    }
    if hook["places"].as_u64().unwrap_or(0) > 0 {
        out.push_str(&format!(
            "; {} of {} packets, {} running, {} failed, {} answers without one",
            hook["accepted"], hook["places"], hook["reserved"], hook["failed"], hook["answers"]
        ));
    } else {
        out.push_str(&format!("; {} signatures", hook["signatures"]));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hook_is_one_line() {
        let hook = json!({"title": "Logs", "revision": 2, "state": {"state": "in_review"}, "signatures": 1, "places": 0});
        assert_eq!(line(&hook), "Logs r2: in review; 1 signatures");
        let hook = json!({"title": "Logs", "revision": 2, "state": {"state": "stopped", "why": "enough"}, "places": 10,
            "accepted": 6, "reserved": 1, "failed": 2, "answers": 3});
        assert_eq!(
            line(&hook),
            "Logs r2: stopped (enough); 6 of 10 packets, 1 running, 2 failed, 3 answers without one"
        );
    }
}
