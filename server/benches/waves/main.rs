//! What waves spare: a hook of ten places for 100,000 instances, offered to all at once and in waves. The matching, the
//! waves and the claims are the server's own, on an embedded store; instances and time are made up, so the numbers are the
//! same on every machine. `cargo bench -p boathook-server --bench waves [-- --instances N]`.
#![allow(clippy::print_stdout, clippy::print_stderr)]
mod crowd;
mod house;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use crowd::{Crowd, Ways};
use house::House;

/// How instances behave, in words and in shares.
const SCENES: [(&str, Ways); 4] = [
    (
        "everybody answers",
        Ways {
            answers: 1.0,
            fails: 0.0,
        },
    ),
    (
        "one in ten answers",
        Ways {
            answers: 0.1,
            fails: 0.0,
        },
    ),
    (
        "one in a thousand answers",
        Ways {
            answers: 0.001,
            fails: 0.0,
        },
    ),
    (
        "every run fails",
        Ways {
            answers: 1.0,
            fails: 1.0,
        },
    ),
];

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    // `cargo test --benches` only wants to know that it builds.
    if !args.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    match bench(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(args: &[String]) -> Result<()> {
    let count = match args.iter().position(|arg| arg == "--instances") {
        Some(at) => args.get(at + 1).context("--instances N")?.parse()?,
        None => 100_000,
    };
    let house = House::open().await?;
    house.enrol(count).await?;
    let rules = house.app.config.waves.rules();
    println!(
        "{count} instances, 10 places; first wave {} a place and {} at least, then {} times as many, every {} s",
        rules.first_times,
        rules.first_least,
        rules.widen_times,
        rules.pause_ms / 1_000
    );
    for (scene, ways) in SCENES {
        println!("\n{scene}");
        println!(
            "  {:<14} {:>8} {:>8} {:>6} {:>8} {:>6}  end",
            "offered", "to", "claims", "runs", "packets", "after"
        );
        for waves in [false, true] {
            let hook = house.hook();
            let (about, digest) = house.publish(&hook, waves).await?;
            let mut crowd = Crowd::new(&house, digest, count, ways);
            let told = crowd.run().await?;
            let what = if waves { "in waves" } else { "to all at once" };
            println!("  {what:<14} {told}");
            if waves {
                println!("    estimated: about {about} instances");
                told.waves.iter().for_each(|wave| println!("    {wave}"));
            }
            house.stop(digest).await?;
        }
    }
    Ok(())
}
