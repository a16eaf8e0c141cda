//! Taking finished sections of a packet that a crash cut off into a new one: they passed the redactor once.
use std::io::{Read, Seek, Write};

use sha2::Digest as _;

use super::{
    Section,
    entry::folded,
    salvage::Salvage,
    write::{ListedFile, OpenFile, PacketWriter, WriteError, json_bound},
};
use crate::ids::Digest;

impl<W: Write + Seek> PacketWriter<W> {
    /// Takes `section` as it is, its files from `salvage`. Fails when one of them is not there as it is listed.
    pub fn adopt<R: Read + Seek>(
        &mut self,
        section: Section,
        salvage: &mut Salvage<R>,
    ) -> Result<(), WriteError> {
        if self.section.is_some() || self.file.is_some() {
            return Err(WriteError::Order(
                "a section is adopted before the last one was finished",
            ));
        }
        let folder = format!("{}/", folded(section.name.as_str()));
        if !self.names.insert(folder.clone()) || self.names.contains(section.name.as_str()) {
            return Err(WriteError::SectionTwice(section.name));
        }
        self.statement_bound += json_bound(&section)? * 2 + 600;
        for listed in &section.files {
            let name = folded(&listed.path);
            if !name.starts_with(&folder) || !self.names.insert(name) {
                return Err(WriteError::Order("an adopted file stands twice or outside"));
            }
            let missing = WriteError::Order("an adopted file is not there as it is listed");
            if !salvage.holds(listed)? {
                return Err(missing);
            }
            let mut file = OpenFile::raw(listed.path.clone());
            let mut reader = salvage
                .read(&listed.path)?
                .ok_or(missing)?
                .take(listed.bytes);
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let n = reader.read(&mut buffer)?;
                if n == 0 {
                    break;
                }
                self.put(&mut file, &buffer[..n])?;
            }
            if !file.begun {
                self.zip.begin(listed.path.clone())?;
            }
            self.zip.end()?;
            if file.full.is_some() || Digest(file.sha256.finalize().into()) != listed.sha256 {
                return Err(WriteError::Order("an adopted file does not fit"));
            }
            let unlisted: u64 = listed.redactions.values().sum();
            if unlisted > 0 {
                self.listed.push(ListedFile {
                    path: listed.path.clone(),
                    places: Vec::new(),
                    unlisted,
                });
            }
        }
        self.sections.push(section);
        Ok(())
    }
}
