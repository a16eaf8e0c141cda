//! The daemon's side of redaction: the rules of policy and credentials, and what the agent says of itself (facts,
//! reasons, errors) through the same one door. Compiled rules are large, so they live only as long as they are used.
use std::sync::Arc;

use boathook_hooks::{
    documents::{
        hook::RedactionProfile,
        identity::{Facts, ProductFact},
    },
    redaction::{RedactionError, Redactor},
};
use zeroize::Zeroizing;

/// Longest reason of an answer, in characters (protocol).
pub const MAX_REASON: usize = 1_000;

/// What is added to the floor of rules on this instance. Cloning shares it.
#[derive(Clone, Default)]
pub struct Door {
    profile: Arc<RedactionProfile>,
    literals: Arc<Vec<Zeroizing<String>>>,
}

impl Door {
    /// Refuses rules that could not be compiled when they are needed.
    pub fn new(
        profile: RedactionProfile,
        literals: Vec<Zeroizing<String>>,
    ) -> Result<Self, RedactionError> {
        let door = Self {
            profile: Arc::new(profile),
            literals: Arc::new(literals),
        };
        door.redactor(None)?;
        Ok(door)
    }

    /// Compiled rules, with what a hook adds.
    pub fn redactor(&self, hook: Option<&RedactionProfile>) -> Result<Redactor, RedactionError> {
        let mut builder = Redactor::builder()
            .profile(&self.profile)
            .literals(self.literals.iter().map(|l| l.as_str()));
        if let Some(hook) = hook {
            builder = builder.profile(hook);
        }
        builder.build()
    }

    /// A reason for the server: redacted, on one line, cut to what the protocol takes.
    pub fn reason(&self, text: &str) -> String {
        let redacted = match self.redactor(None) {
            Ok(redactor) => redactor.redact_text(text).text,
            // Closed: what cannot be redacted does not leave.
            Err(_) => return "the reason could not be redacted and was left out".to_owned(),
        };
        let line: String = redacted
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if line.chars().count() <= MAX_REASON {
            return line;
        }
        line.chars().take(MAX_REASON - 1).chain(['…']).collect()
    }

    /// Facts as they leave the machine.
    pub fn facts(&self, facts: &Facts) -> Facts {
        let Ok(redactor) = self.redactor(None) else {
            return Facts::default();
        };
        let text = |t: &str| redactor.redact_text(t).text;
        // A label is a name with a value, and known as a secret only as such.
        let label = |key: &str, value: &str| {
            let pair = redactor.redact_text(&format!("{key}={value}")).text;
            match pair.strip_prefix(&format!("{key}=")) {
                Some(rest) => (key.to_owned(), rest.to_owned()),
                None => (text(key), "[redacted]".to_owned()),
            }
        };
        Facts {
            name: text(&facts.name),
            products: facts
                .products
                .iter()
                .map(|p| ProductFact {
                    name: text(&p.name),
                    version: text(&p.version),
                })
                .collect(),
            os: text(&facts.os),
            os_release: text(&facts.os_release),
            arch: text(&facts.arch),
            agent_version: text(&facts.agent_version),
            labels: facts.labels.iter().map(|(k, v)| label(k, v)).collect(),
            opted_in: facts.opted_in,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn door() -> Door {
        let literals = vec![Zeroizing::new("hunter2-of-the-shop".to_owned())];
        Door::new(RedactionProfile::default(), literals).unwrap()
    }

    #[test]
    fn a_reason_passes_the_door_and_has_one_short_line() {
        let reason = door().reason(&format!(
            "connecting as hunter2-of-the-shop\nfailed {}",
            "x".repeat(2_000)
        ));
        assert!(
            !reason.contains("hunter2") && !reason.contains('\n'),
            "{reason}"
        );
        assert_eq!(reason.chars().count(), MAX_REASON);
    }

    #[test]
    fn facts_pass_the_door_with_their_labels() {
        let facts = Facts {
            name: "app hunter2-of-the-shop".into(),
            labels: [("env", "prod"), ("db_password", "s3cret-word")]
                .map(|(k, v)| (k.into(), v.into()))
                .into(),
            ..Facts::default()
        };
        let sent = door().facts(&facts);
        assert!(
            !format!("{sent:?}").contains("hunter2")
                && !format!("{sent:?}").contains("s3cret-word"),
            "{sent:?}"
        );
        assert_eq!(sent.labels["env"], "prod");
    }
}
