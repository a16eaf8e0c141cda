//! `Error`: everything that can go wrong, each with the next step for whoever reads it.
use std::{
    io,
    path::{Path, PathBuf},
};

use boathook_hooks::{
    envelope::EnvelopeError, keys::KeyError, strict::StrictError, verify::Refusal,
};

use crate::client::Problem;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that makes no sense. Exit code 2.
    #[error("{what}")]
    Usage { what: String, next: String },
    #[error("cannot {operation} {}", path.display())]
    File {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is no document of boathook: {what}", path.display())]
    NotADocument { path: PathBuf, what: String },
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("the document cannot be encoded")]
    Encode(#[from] StrictError),
    #[error("the envelope cannot be encoded")]
    Envelope(#[from] EnvelopeError),
    #[error("cannot use the key in {}", path.display())]
    Key {
        path: PathBuf,
        #[source]
        source: KeyError,
    },
    #[error("cannot make a key")]
    MakeKey(#[source] KeyError),
    /// The server's own words.
    #[error("{0}")]
    Problem(Box<Problem>),
    #[error("cannot {operation} at {origin}")]
    Network {
        operation: &'static str,
        origin: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("the server's answer does not read: {what}")]
    Answer { what: String },
    /// What was asked for did not hold.
    #[error("{what}")]
    Failed { what: String, next: String },
    #[error("cannot write the output")]
    Output(#[source] io::Error),
}

impl Error {
    pub fn failed(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Failed {
            what: what.into(),
            next: next.into(),
        }
    }

    pub fn usage(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Usage {
            what: what.into(),
            next: next.into(),
        }
    }

    /// With a better next step, when it is the server's answer `status`.
    #[must_use]
    pub fn or_next(mut self, status: u16, next: &str) -> Self {
        if let Self::Problem(problem) = &mut self
            && problem.status == status
        {
            problem.next = Some(next.to_owned());
        }
        self
    }

    /// A stable word for programs.
    pub fn code(&self) -> &str {
        match self {
            Self::Usage { .. } => "usage",
            Self::File { .. } => "file",
            Self::NotADocument { .. } => "not_a_document",
            Self::Refused(refusal) => refusal.code(),
            Self::Encode(_) | Self::Envelope(_) => "encode",
            Self::Key { .. } | Self::MakeKey(_) => "key",
            Self::Problem(problem) => problem.code(),
            Self::Network { .. } => "network",
            Self::Answer { .. } => "answer",
            Self::Failed { .. } => "failed",
            Self::Output(_) => "output",
        }
    }

    /// 1 failed, 2 usage.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } => 2,
            _ => 1,
        }
    }

    /// What to do now, in one line; empty when there is nothing better than the error itself.
    pub fn next_step(&self) -> String {
        match self {
            Self::Usage { next, .. } | Self::Failed { next, .. } => next.clone(),
            Self::File { source, path, .. } => match source.kind() {
                io::ErrorKind::NotFound => "check the path".into(),
                io::ErrorKind::PermissionDenied => "check who may read and write there".into(),
                io::ErrorKind::AlreadyExists if is_key_file(path) => {
                    "choose another FILE.pem; nothing is overwritten".into()
                }
                io::ErrorKind::AlreadyExists => {
                    "choose another file with --out; nothing is overwritten".into()
                }
                _ => String::new(),
            },
            Self::NotADocument { .. } => "`boathook inspect FILE` tells what a file is".into(),
            Self::Refused(refusal) => refusal_step(refusal).into(),
            Self::Key { .. } => "give a key that `boathook keygen` made, with --key FILE".into(),
            Self::Problem(problem) => problem.next_step(),
            Self::Network { source, .. } => network_step(source).into(),
            Self::Answer { .. } => "check that the URL is a boathook server of this version".into(),
            Self::Encode(_) | Self::Envelope(_) | Self::MakeKey(_) | Self::Output(_) => {
                String::new()
            }
        }
    }

    /// The whole story in one line, causes included.
    pub fn story(&self) -> String {
        let mut out = self.to_string();
        if let Self::File { source, .. } = self
            && source.kind() == io::ErrorKind::AlreadyExists
        {
            out.push_str(": it is there already");
            return out;
        }
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let words = error.to_string();
            // Some libraries repeat their source in their own words.
            if !out.ends_with(&words) {
                out.push_str(": ");
                out.push_str(&words);
            }
            cause = error.source();
        }
        out
    }
}

fn is_key_file(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "pem" || e == "pub")
}

const fn refusal_step(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::RootPeople { .. } => {
            "have the other holders sign it: `boathook root sign FILE --key KEY`"
        }
        Refusal::RosterPeople { .. } => {
            "have the other holders sign it: `boathook roster sign FILE --key KEY`"
        }
        Refusal::RosterExpired(_) => {
            "make the next one: `boathook roster renew FILE`, then sign and import it"
        }
        Refusal::RootExpired(_) => {
            "make the next one: `boathook root new --previous FILE`, then sign and import it"
        }
        Refusal::NoRoster => "give one with --roster FILE",
        Refusal::NoRosterSignature
        | Refusal::AuthorMissing(_)
        | Refusal::TooFewPeople { .. }
        | Refusal::SamePerson { .. }
        | Refusal::NotAReviewer { .. } => {
            "have the people who are missing sign it: `boathook sign FILE --key KEY`"
        }
        Refusal::WideNeedsOtherKey { .. } => {
            "have one of them sign with a key kept in a file: `boathook sign FILE --key KEY`"
        }
        Refusal::OtherRoot { .. } => "compare the fingerprint with its holders by another way",
        Refusal::Expired(_) | Refusal::BeyondBounds { .. } => {
            "make a new revision that keeps within the limits"
        }
        _ => "",
    }
}

fn network_step(source: &reqwest::Error) -> &'static str {
    let mut cause: Option<&dyn std::error::Error> = Some(source);
    while let Some(error) = cause {
        let words = error.to_string().to_lowercase();
        if words.contains("certificate") || words.contains("unknownissuer") {
            return "sign in again with the CA that signed the server's certificate: `boathook login URL --ca FILE`; `boathook-server init --self-signed` prints its path (data/tls/ca.pem)";
        }
        cause = error.source();
    }
    if source.is_timeout() {
        "try again; the server did not answer in time"
    } else {
        "check the URL and that the server runs"
    }
}
