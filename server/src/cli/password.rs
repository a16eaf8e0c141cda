//! A password: typed unseen at a terminal, or the first line of stdin. Never an argument.
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::bail;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

pub fn read(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let stdin = io::stdin();
    let typed = stdin.is_terminal();
    if typed {
        write!(io::stderr(), "{prompt}: ")?;
    }
    let mut line = Zeroizing::new(String::new());
    {
        let _quiet = typed.then(Quiet::begin).transpose()?;
        stdin.lock().read_line(&mut line)?;
    }
    if typed {
        writeln!(io::stderr())?;
    }
    let password = Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned());
    if password.is_empty() {
        bail!("no password was given: type it at the prompt, or send it to stdin");
    }
    Ok(password)
}

/// The terminal without echo, until dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing is left to do when even this fails.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
