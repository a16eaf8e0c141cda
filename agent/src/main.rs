//! `boathook-agent`: only wires.
use std::process::ExitCode;

fn main() -> ExitCode {
    boathook_agent::cli::main()
}
