//! Between the `command` collector and a command: this binary once more, which confines itself and then becomes the
//! command. The collector learns through the command's standard input whether that worked.
use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::process::CommandExt},
    process::{Command, ExitCode, Stdio},
};

use super::isolation;

/// The argument after `child` that asks for this.
pub const LAUNCH: &str = "launch";
/// All that a command's environment holds.
const ENVIRONMENT: [(&str, &str); 2] = [
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LC_ALL", "C.UTF-8"),
];

/// A command to be started by [`launch_main`], with pipes for its output, and where to hear of a failed start.
pub fn prepare(path: &str, args: &[String]) -> io::Result<(Command, File)> {
    let (hear, tell) = io::pipe()?;
    // The binary that runs now, though it was replaced on the disk meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("boathook-agent")
        .args(["child", LAUNCH, path])
        .args(args)
        .env_clear()
        .envs(ENVIRONMENT)
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(tell)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok((command, File::from(OwnedFd::from(hear))))
}

/// Waits until the command runs; fails with the reason why it does not.
pub fn started(mut hear: File) -> io::Result<()> {
    let mut code = [0; 4];
    let mut got = 0;
    while got < code.len() {
        match hear.read(&mut code[got..])? {
            // Closed by the exec itself.
            0 => return Ok(()),
            n => got += n,
        }
    }
    Err(io::Error::from_raw_os_error(i32::from_le_bytes(code)))
}

/// `boathook-agent child launch PATH ARGS…`: returns only when it failed.
pub fn launch_main(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(path) = args.next() else {
        return ExitCode::FAILURE;
    };
    let (tell, error) = match become_command(path, args) {
        Ok(never) => match never {},
        Err(failure) => failure,
    };
    if let Some(mut tell) = tell {
        // 5 is EIO.
        let _ = tell.write_all(&error.raw_os_error().unwrap_or(5).to_le_bytes());
    }
    ExitCode::from(127)
}

type Failure = (Option<File>, io::Error);

fn become_command(
    path: OsString,
    args: impl Iterator<Item = OsString>,
) -> Result<std::convert::Infallible, Failure> {
    // Standard input is where failure is told; the copy closes with the exec, and the command gets an empty input.
    let tell = io::stdin();
    let tell = rustix::io::fcntl_dupfd_cloexec(&tell, 3).map_err(|e| (None, e.into()))?;
    let tell = File::from(tell);
    let ready = File::open("/dev/null")
        .and_then(|null| Ok(rustix::stdio::dup2_stdin(null)?))
        .and_then(|()| isolation::confine_command());
    if let Err(error) = ready {
        return Err((Some(tell), error));
    }
    let error = Command::new(path).args(args).exec();
    Err((Some(tell), error))
}
