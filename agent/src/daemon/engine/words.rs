//! The administrator's words, and the rules read again.
use std::rc::Rc;

use boathook_hooks::time::Time;

use super::Engine;
use crate::{
    consent::{self, Word},
    daemon::Rules,
    ledger::{Record, Said},
    trust,
};

impl Engine {
    /// Acts upon what the administrator said; true when something is to be looked at.
    pub(super) fn words(&mut self) -> bool {
        let state = self.shared.config.state_dir.clone();
        let words = match consent::listen(&state) {
            Ok(words) => words,
            Err(error) => {
                tracing::error!(%error, "the control directory cannot be read");
                return false;
            }
        };
        let mut acted = false;
        for (path, word) in words {
            let done = match word {
                Ok(word) => self.act(word),
                Err(what) => Err(what),
            };
            match done {
                Ok(()) => acted = true,
                Err(what) => {
                    tracing::error!(path = %path.display(), what, "a word to the agent is refused")
                }
            }
            if let Err(error) = consent::heard(&path) {
                tracing::error!(%error, "a word to the agent could not be removed");
            }
        }
        acted
    }

    fn act(&mut self, word: Word) -> Result<(), String> {
        let at = Time::wall_clock();
        let mut consent = |digest, said| {
            self.later.remove(&digest);
            let record = Record::Consent { at, digest, said };
            self.shared
                .ledger
                .borrow_mut()
                .append(record)
                .map_err(|e| e.to_string())
        };
        match word {
            Word::Approve { digest, by } => consent(digest, Said::Approved { by }),
            Word::Decline { digest, by, reason } => consent(digest, Said::Declined { by, reason }),
            Word::Trust { document } => {
                let mut trust = self.shared.trust.borrow().clone();
                let (what, _) =
                    trust::import(&mut trust, &document.0).map_err(|e| e.to_string())?;
                trust::save(&self.shared.config.state_dir, &trust).map_err(|e| e.to_string())?;
                *self.shared.trust.borrow_mut() = trust;
                tracing::info!(what, "a trust document was imported by hand");
                self.later.clear();
                Ok(())
            }
        }
    }

    pub(super) fn reload(&self) {
        match Rules::load(&self.shared.config, &self.shared.config_file) {
            Ok(rules) => {
                *self.shared.rules.borrow_mut() = Rc::new(rules);
                tracing::info!("policy and credentials were read again");
            }
            Err(error) => {
                tracing::error!(%error, "policy or credentials do not read; those of before hold on")
            }
        }
        self.shared.poll_now.notify_one();
    }
}
