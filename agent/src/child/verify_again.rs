//! The child trusts its daemon as little as it can: what it runs it verifies itself, from the signed bytes.
use boathook_hooks::{
    documents::hook::{CollectorEntry, Hook},
    strict::{self, MAX_DOCUMENT},
    verify::{Local, MAX_BUNDLE, Me, Refusal, Trial, TrustBundle, TrustStore},
};

use super::wire::{Job, Refused, RunKind, Who};

/// What the job's signed bytes say is to be collected, all checks of its kind passed once more.
pub fn reverify(job: &Job) -> Result<Vec<CollectorEntry>, Refused> {
    let me = job.me.clone().map(Me::from);
    match job.kind {
        RunKind::Verified => {
            let me = me.ok_or_else(|| broken("a verified run without an instance"))?;
            let hook = trust(job)?
                .verify_hook(&job.work.0, &me, job.now)
                .map_err(refused)?;
            Ok(hook.collectors.clone())
        }
        RunKind::Offline => {
            let hook = trust(job)?
                .verify_offline(&job.work.0, me.as_ref(), job.now)
                .map_err(refused)?;
            Ok(hook.collectors.clone())
        }
        RunKind::Trial => {
            let hook: Hook =
                strict::decode(&job.work.0, MAX_DOCUMENT).map_err(|e| broken(&e.to_string()))?;
            Ok(Trial::new(hook).map_err(refused)?.collectors.clone())
        }
        RunKind::Local => {
            let directories: Option<Vec<String>> = job
                .grants
                .directories
                .iter()
                .map(|d| d.to_str().map(str::to_owned))
                .collect();
            let directories =
                directories.ok_or_else(|| broken("a directory whose name is not UTF-8"))?;
            Ok(Local::new(&directories)
                .map_err(refused)?
                .entries()
                .to_vec())
        }
    }
}

fn trust(job: &Job) -> Result<TrustStore, Refused> {
    let bundle: TrustBundle =
        strict::decode(&job.trust.0, MAX_BUNDLE).map_err(|e| broken(&e.to_string()))?;
    TrustStore::from_bundle(&bundle).map_err(refused)
}

fn refused(why: Refusal) -> Refused {
    Refused {
        code: why.code().to_owned(),
        text: why.to_string(),
    }
}

fn broken(what: &str) -> Refused {
    Refused {
        code: "job".to_owned(),
        text: format!("the job does not read: {what}"),
    }
}

impl From<Who> for Me {
    fn from(who: Who) -> Self {
        Self {
            instance: who.instance,
            customer: who.customer,
            facts: who.facts,
            agent_version: who.agent_version,
        }
    }
}

impl From<&Me> for Who {
    fn from(me: &Me) -> Self {
        Self {
            instance: me.instance.clone(),
            customer: me.customer.clone(),
            facts: me.facts.clone(),
            agent_version: me.agent_version.clone(),
        }
    }
}
