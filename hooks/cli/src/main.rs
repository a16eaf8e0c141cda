//! The binary: parses the command line, runs, and says what went wrong and what to do next.
use std::{
    io::{ErrorKind, Write as _},
    process::ExitCode,
};

use boathook::{Cli, Error, out::Out};
use boathook_hooks::explain::printable;
use clap::Parser as _;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // An error only says that a provider was installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let json = cli.json;
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Output)
        .and_then(|runtime| runtime.block_on(boathook::run(cli, Out::stdout(json))));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough.
        Err(Error::Output(source)) if source.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error, json);
            ExitCode::from(error.exit_code())
        }
    }
}

/// To stderr: nothing more can be done when that fails.
fn tell(error: &Error, json: bool) {
    let (story, next) = (error.story(), error.next_step());
    let mut err = std::io::stderr().lock();
    if json {
        let value =
            serde_json::json!({"error": {"code": error.code(), "what": story, "next": next}});
        let _ = writeln!(err, "{value}");
        return;
    }
    let _ = writeln!(err, "boathook: {}", printable(&story));
    if !next.is_empty() {
        let _ = writeln!(err, "  next: {}", printable(&next));
    }
}
