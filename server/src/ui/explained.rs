//! What a hook would do, in plain words, as the pages that write and review it show it: the dangerous first.
use boathook_hooks::{
    documents::hook::Hook,
    explain::{Explanation, SectionWords},
};

use crate::{api::hooks::authoring, app::App, errors::Answer, ui::words::Size, waves};

pub struct Explained {
    pub words: Explanation,
    /// Those with dangers first.
    pub sections: Vec<SectionWords>,
    /// About how many instances match now.
    pub about: u64,
    pub packet: Size,
    pub total: Size,
}

impl Explained {
    pub async fn of(app: &App, hook: &Hook) -> Answer<Self> {
        let words = authoring::explained(app, hook);
        let mut sections = words.sections.clone();
        sections.sort_by_key(|s| s.words.dangers.is_empty());
        Ok(Self {
            words,
            sections,
            about: waves::about(app, hook).await?,
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

    pub fn is_wide(&self) -> bool {
        self.words.reach.reach == "wide"
    }
}
