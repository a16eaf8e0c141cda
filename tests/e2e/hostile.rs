//! Files and commands that mean harm: the packet arrives in time, with the right outcome for each section, with nothing
//! from outside and with no secret, and nothing is left running.
mod commands;
mod endless;
mod links;
mod secrets;

use std::{
    fs,
    io::{Cursor, Read as _},
    path::{Path, PathBuf},
};

use boathook_tests::world::World;
use serde_json::Value;

/// A hook with these sections, in TOML.
fn hook(sections: &str) -> String {
    format!(
        "title = \"Hostile\"\nreason = \"To see that nothing comes of it.\"\ncustomers = [\"acme\"]\nexpires = \"1d\"\n\
         [ticket]\nsystem = \"jira\"\nkey = \"SUP-1\"\n[audience]\neveryone = true\n\
         [limits]\nplaces = 3\npacket = \"20 MiB\"\n{sections}"
    )
}

/// A policy that runs at once and grants these directories and commands with any single word as argument.
fn policy(directories: &[&Path], commands: &[&Path]) -> String {
    let directories: Vec<String> = directories.iter().map(|d| format!("{d:?}")).collect();
    let mut text = format!(
        "consent = \"auto\"\n[limits]\nruns_per_day = 100000\nbytes_per_day = \"10 GiB\"\n\
         [agent]\nallow_root = true\n[allow]\ndirectories = [{}]\n",
        directories.join(", ")
    );
    for command in commands {
        text.push_str(&format!(
            "[[allow.commands]]\npath = {command:?}\nargs = [\"[a-z]+\"]\n"
        ));
    }
    text
}

/// What came on the ticket.
struct Packet {
    statement: Value,
    zip: Vec<u8>,
    /// Name and unpacked bytes of every entry.
    entries: Vec<(String, Vec<u8>)>,
}

impl Packet {
    /// Publishes, waits for the packet (30 s at most: what comes later does not come in time) and unpacks it.
    async fn of(world: &World, toml: &str) -> Self {
        let hook = world.publish(toml).await.unwrap();
        let packet = world.packet(&hook).await.unwrap();
        let claim = packet["claim_id"].as_str().unwrap();
        let zip = world
            .ada
            .bytes(&format!("packets/{claim}/zip"))
            .await
            .unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(&zip)).unwrap();
        let entries = (0..archive.len())
            .map(|at| {
                let mut file = archive.by_index(at).unwrap();
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).unwrap();
                (file.name().unwrap().into_owned(), bytes)
            })
            .collect();
        Self {
            statement: packet["statement"].clone(),
            zip: zip.to_vec(),
            entries,
        }
    }

    fn section(&self, name: &str) -> &Value {
        let sections = self.statement["sections"].as_array().unwrap();
        sections
            .iter()
            .find(|s| s["name"] == name)
            .unwrap_or_else(|| panic!("no section {name}: {:#}", self.statement))
    }

    fn outcome(&self, section: &str) -> &str {
        self.section(section)["outcome"].as_str().unwrap()
    }

    /// What the section says of itself: reason and what it left out.
    fn words(&self, section: &str) -> String {
        let section = self.section(section);
        format!("{} {}", section["reason"], section["left_out"])
    }

    /// All unpacked bytes of a section's files.
    fn text(&self, section: &str) -> String {
        let folder = format!("{section}/");
        let files = self.entries.iter().filter(|(n, _)| n.starts_with(&folder));
        files
            .map(|(_, b)| String::from_utf8_lossy(b).into_owned())
            .collect()
    }

    /// Where `needle` stands: in an entry's name or bytes, or in the zip as it is.
    fn holds(&self, needle: &str) -> Option<String> {
        let within = |bytes: &[u8]| bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
        let entry = self
            .entries
            .iter()
            .find(|(name, bytes)| name.contains(needle) || within(bytes));
        entry
            .map(|(name, _)| name.clone())
            .or_else(|| within(&self.zip).then(|| "the zip itself".to_owned()))
    }
}

/// A directory of its own beneath the world's.
fn directory(world: &World, name: &str) -> PathBuf {
    let path = world.path().join(name);
    fs::create_dir_all(&path).unwrap();
    path
}
