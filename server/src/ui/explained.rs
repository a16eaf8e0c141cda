//! What a hook would do, in plain words, as the pages that write and review it show it: the dangerous first.
use boathook_hooks::{
    documents::hook::Hook,
    explain::{Explanation, SectionWords},
};

use boathook_hooks::ids::InstanceId;
use boathook_schema::Scope;

use crate::{
    api::hooks::authoring,
    app::App,
    errors::Answer,
    ui::{links, shown::Shown, words::Size},
    waves,
};

fn named((name, id): (String, InstanceId)) -> (String, Shown) {
    let shown = match name.is_empty() {
        true => Shown::of(id.as_str()),
        false => Shown::cut(&name, 80),
    };
    (format!("/instances/{}", links::segment(id.as_str())), shown)
}

pub struct Explained {
    pub words: Explanation,
    /// Those with dangers first.
    pub sections: Vec<SectionWords>,
    /// About how many instances match now.
    pub about: u64,
    /// Some of them by name, with their pages.
    pub names: Vec<(String, Shown)>,
    pub packet: Size,
    pub total: Size,
}

impl Explained {
    /// What it matches is told of the scope's customers alone.
    pub async fn of(app: &App, scope: &Scope, hook: &Hook) -> Answer<Self> {
        let words = authoring::explained(app, hook);
        let matching = waves::matching(app, scope, hook).await?;
        let mut sections = words.sections.clone();
        sections.sort_by_key(|s| s.words.dangers.is_empty());
        Ok(Self {
            words,
            sections,
            about: matching.about,
            names: matching.names.into_iter().map(named).collect(),
            packet: Size::of(hook.packet_bytes),
            total: Size::of(hook.total_bytes),
        })
    }

    pub fn matching(&self) -> String {
        match self.about {
            0 => "no instance matches".to_owned(),
            1 => "about 1 instance matches".to_owned(),
            n => format!("about {n} instances match"),
        }
    }

    /// Whether there are more than are named.
    pub fn has_more(&self) -> bool {
        self.about > self.names.len() as u64
    }

    pub fn is_wide(&self) -> bool {
        self.words.reach.reach == "wide"
    }
}
