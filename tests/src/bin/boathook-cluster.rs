//! Shows what several servers on one cluster promise, with real parts. `tests/cluster` builds what it needs and runs it.
#![allow(clippy::print_stdout, clippy::print_stderr)]
use std::{process::ExitCode, time::Instant};

use anyhow::Result;
use boathook_tests::{
    bench::machine,
    cluster::{self, Size, site::Site},
};
use clap::{Parser, ValueEnum};

#[derive(Parser)]
#[command(
    about = "A cluster, an object store, two servers behind HAProxy: what they promise, shown."
)]
struct Args {
    /// One node and less of everything, as CI has it.
    #[arg(long)]
    small: bool,
    /// Only these, instead of all.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Instances that claim at once. Default: 1,000; small: 100.
    #[arg(long)]
    claimants: Option<u32>,
    /// Packets of an embedded store that moves. Default: 1,000; small: 40.
    #[arg(long)]
    moved: Option<usize>,
    /// Uploads while a node dies. Default: 200; small: 20.
    #[arg(long)]
    uploads: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Claims,
    Node,
    Handover,
    Away,
    Moving,
    Rates,
}

const PARTS: [(Part, &str); 6] = [
    (Part::Claims, "Everybody claims one of ten places at once"),
    (Part::Node, "A node is killed during uploads"),
    (
        Part::Handover,
        "An upload and a stop go from one server to the other",
    ),
    (Part::Away, "The object store is away"),
    (Part::Moving, "An embedded store moves to the cluster"),
    (Part::Rates, "What one server does a second, on each store"),
];

#[tokio::main]
async fn main() -> ExitCode {
    match show(&Args::parse()).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("\n{failed} parts failed.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("\nThe cluster could not be started: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn show(args: &Args) -> Result<usize> {
    machine::raise_open_files();
    println!("boathook cluster on {}", machine::describe());
    if cfg!(debug_assertions) {
        println!("This is a debug build: its numbers say nothing of a release.");
    }
    let mut size = if args.small {
        Size::small()
    } else {
        Size::full()
    };
    size.claimants = args.claimants.unwrap_or(size.claimants);
    size.moved = args.moved.unwrap_or(size.moved);
    size.uploads = args.uploads.unwrap_or(size.uploads);
    let begin = Instant::now();
    let mut site = Site::start(&size).await?;
    println!(
        "{} nodes, an S3 service, two servers and HAProxy after {:.1} s",
        site.cassandra.nodes(),
        begin.elapsed().as_secs_f64()
    );
    let mut failed = 0;
    for (n, (part, title)) in PARTS.iter().enumerate() {
        if !args.only.is_empty() && !args.only.contains(part) {
            continue;
        }
        println!("\n{}. {title}", n + 1);
        let begin = Instant::now();
        let done = match part {
            Part::Claims => cluster::claims::run(&site, &size).await,
            Part::Node => cluster::node::run(&site, &size).await,
            Part::Handover => cluster::handover::run(&mut site, &size).await,
            Part::Away => cluster::away::run(&mut site, &size).await,
            Part::Moving => cluster::moving::run(&site, &size).await,
            Part::Rates => cluster::rates::run(&site, &size).await,
        };
        match done {
            Ok(()) => println!("  holds ({:.0} s)", begin.elapsed().as_secs_f64()),
            Err(error) => {
                failed += 1;
                println!("  FAILED: {error:#}");
                eprintln!("{}", site.logs());
            }
        }
    }
    Ok(failed)
}
