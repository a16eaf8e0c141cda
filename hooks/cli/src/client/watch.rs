//! Server-sent events of a ticket or a hook: how it stands, whenever that changes.
use boathook_hooks::ids::HookId;
use reqwest::{Method, Response, header};
use serde_json::Value;

use super::{Client, network};
use crate::{
    commands::ticket::TicketRef,
    error::{Error, Result},
};

/// Largest event, in bytes.
const MAX_EVENT: usize = 1 << 20;

/// A stream of events. It ends when the server drains or may not tell any more: then it is opened again.
pub struct Watching {
    response: Response,
    origin: url::Url,
    /// Bytes of the lines that are not whole yet.
    rest: Vec<u8>,
    data: String,
}

impl Client {
    pub async fn watch_hook(&self, id: &HookId) -> Result<Watching> {
        self.watch(&["hooks", id.as_str(), "events"]).await
    }

    pub async fn watch_ticket(&self, at: &TicketRef) -> Result<Watching> {
        self.watch(&["tickets", &at.system, &at.key, "events"])
            .await
    }

    async fn watch(&self, parts: &[&str]) -> Result<Watching> {
        let request = self
            .request(Method::GET, parts)?
            .header(header::ACCEPT, "text/event-stream");
        Ok(Watching {
            response: self.send("watch", request).await?,
            origin: self.origin.clone(),
            rest: Vec::new(),
            data: String::new(),
        })
    }
}

impl Watching {
    /// The next event's data; none at the end of the stream.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(event) = self.whole()? {
                return Ok(Some(event));
            }
            let chunk = self
                .response
                .chunk()
                .await
                .map_err(|source| network("watch", &self.origin, source))?;
            match chunk {
                Some(bytes) => self.rest.extend_from_slice(&bytes),
                None => return Ok(None),
            }
            if self.rest.len() + self.data.len() > MAX_EVENT {
                return Err(Error::Answer {
                    what: format!("an event is larger than {MAX_EVENT} bytes"),
                });
            }
        }
    }

    /// The first event among the lines that are whole. Comments keep the connection alive and say nothing.
    fn whole(&mut self) -> Result<Option<Value>> {
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if let Some(data) = line.strip_prefix("data:") {
                self.data.push_str(data.trim_start());
            }
            if line.is_empty() && !self.data.is_empty() {
                let data = std::mem::take(&mut self.data);
                let event = serde_json::from_str(&data).map_err(|e| Error::Answer {
                    what: e.to_string(),
                })?;
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}
