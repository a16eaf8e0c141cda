//! Measures what boathook promises of its speed and size, with real processes and TLS, and prints it beside a baseline
//! of the same run. `tests/bench` builds what it needs and runs it.
#![allow(clippy::print_stdout, clippy::print_stderr)]
use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use boathook_tests::bench::{crowd, idle, latency, machine, sizes};
use clap::{Parser, ValueEnum};

#[derive(Parser)]
#[command(about = "How fast the way from a signature to a packet is, and what it costs.")]
struct Args {
    /// Only these, instead of all.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Hooks in a row.
    #[arg(long, default_value_t = 100)]
    runs: usize,
    /// Simulated instances that answer one hook.
    #[arg(long, default_value_t = 1_000)]
    instances: u32,
    /// How long the agent is idle.
    #[arg(long, default_value_t = 300)]
    idle_seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Sizes,
    Latency,
    Crowd,
    Idle,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(args: &Args) -> Result<()> {
    machine::raise_open_files();
    println!("boathook bench on {}", machine::describe());
    if cfg!(debug_assertions) {
        println!("This is a debug build: its numbers say nothing of a release.");
    }
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    if wanted(Part::Sizes) {
        sizes::run()?;
    }
    if wanted(Part::Latency) {
        latency::run(args.runs).await?;
    }
    if wanted(Part::Crowd) {
        crowd::run(args.instances).await?;
    }
    if wanted(Part::Idle) {
        idle::run(Duration::from_secs(args.idle_seconds)).await?;
    }
    Ok(())
}
