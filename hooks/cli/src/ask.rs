//! Questions to the person at the terminal: yes or no, and a password that is not shown.
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Asks on the terminal. Without one the answer cannot be had, which is an error that names `instead`.
pub fn yes(question: &str, instead: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Error::usage(
            "there is no terminal to ask at",
            format!("read what is shown, then give {instead}"),
        ));
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} [y/N] ")
        .and_then(|()| err.flush())
        .map_err(Error::Output)?;
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(Error::Output)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes" | "Yes"))
}

/// A password: typed unseen at a terminal, or the first line of stdin.
pub fn password(prompt: &str) -> Result<Zeroizing<String>> {
    let stdin = io::stdin();
    let typed = stdin.is_terminal();
    if typed {
        let mut err = io::stderr().lock();
        write!(err, "{prompt}: ")
            .and_then(|()| err.flush())
            .map_err(Error::Output)?;
    }
    let line = {
        let _quiet = typed.then(Quiet::begin).transpose()?;
        let mut line = Zeroizing::new(String::new());
        stdin.lock().read_line(&mut line).map_err(Error::Output)?;
        line
    };
    if typed {
        let _ = writeln!(io::stderr());
    }
    let password = Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned());
    if password.is_empty() {
        return Err(Error::usage(
            "no password was given",
            "type it at the prompt, or send it to stdin",
        ));
    }
    Ok(password)
}

/// The terminal without echo, until dropped.
#[cfg(unix)]
struct Quiet(rustix::termios::Termios);

#[cfg(unix)]
impl Quiet {
    fn begin() -> Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).map_err(|e| Error::Output(e.into()))?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)
            .map_err(|e| Error::Output(e.into()))?;
        Ok(Self(before))
    }
}

#[cfg(unix)]
impl Drop for Quiet {
    fn drop(&mut self) {
        let _ =
            rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &self.0);
    }
}

#[cfg(not(unix))]
struct Quiet;

#[cfg(not(unix))]
impl Quiet {
    fn begin() -> Result<Self> {
        Err(Error::usage(
            "a password cannot be typed unseen here",
            "send it to stdin",
        ))
    }
}
