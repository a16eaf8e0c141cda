//! How long each page takes at the server, and what it weighs, on a store of 10,000 tickets, 1,000 hooks and 100,000
//! packets. Pages are asked for in this process through the real router, as a browser would; people's work was done
//! through the JSON API, agents' through the store's own verbs, over 120 days of a clock of the bench's own.
//! `cargo bench -p boathook-server --bench pages [-- OPTIONS]`; OPTIONS stand in `args.rs`.
#![allow(clippy::print_stdout, clippy::print_stderr)]
mod args;
mod asking;
mod browser;
mod cluster;
mod house;
mod making;
mod people;
mod runs;
mod sites;
mod ways;
mod zips;

use std::process::ExitCode;

use anyhow::Result;
use args::Args;
use house::House;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    // `cargo test --benches` only wants to know that it builds.
    if !args.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    match bench(args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\nThe bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all stayed within what was asked for.
async fn bench(args: Vec<String>) -> Result<bool> {
    let args = Args::parse(args)?;
    let dir = args.dir()?;
    if House::is_made(&dir)? {
        println!("the store in {} is there already", dir.display());
    } else {
        making::make(&dir, &args.counts).await?;
    }
    let house = match std::env::var("BOATHOOK_TEST_CQL") {
        Ok(address) => cluster::open(&dir, &address).await?,
        Err(_) => House::open(&dir, None).await?,
    };
    asking::all(&house, &args).await
}
