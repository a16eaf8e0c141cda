//! `boathook-server`: reads the command line and hands over.
use std::process::ExitCode;

fn main() -> ExitCode {
    boathook_server::cli::main()
}
