//! The commands of `boathook-server`.
use std::process::ExitCode;

pub fn main() -> ExitCode {
    ExitCode::FAILURE
}
