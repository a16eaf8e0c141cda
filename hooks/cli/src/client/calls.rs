//! Requests about people, tickets, instances and packets.
use reqwest::Method;
use serde_json::{Value, json};

use super::{Client, Me, PacketFilter, PacketView, SignedIn, TicketView};
use crate::error::Result;

/// Those of a query's parameters that were given.
pub(super) fn given(pairs: &[(&'static str, &Option<String>)]) -> Vec<(&'static str, String)> {
    pairs
        .iter()
        .filter_map(|(name, value)| (*value).clone().map(|v| (*name, v)))
        .collect()
}

/// People.
impl Client {
    pub async fn sign_in(&self, person: &str, password: &str, label: &str) -> Result<SignedIn> {
        self.post(
            "sign in",
            &["sign-in"],
            &json!({"person": person, "password": password, "label": label}),
        )
        .await
    }

    /// Ends the token of this client.
    pub async fn sign_out(&self) -> Result<()> {
        let request = self.request(Method::DELETE, &["sign-in"])?;
        self.bytes("sign out", request).await.map(drop)
    }

    pub async fn me(&self) -> Result<Me> {
        self.get("ask who I am", &["me"], &[]).await
    }
}

/// Tickets.
impl Client {
    pub async fn put_ticket(
        &self,
        system: &str,
        key: &str,
        customer: &str,
        title: &str,
        url: Option<&str>,
    ) -> Result<TicketView> {
        let mut body = json!({"customer": customer, "title": title});
        if let Some(url) = url {
            body["url"] = url.into();
        }
        self.put("put the ticket", &["tickets", system, key], &body)
            .await
    }

    pub async fn ticket(&self, system: &str, key: &str) -> Result<TicketView> {
        self.get("fetch the ticket", &["tickets", system, key], &[])
            .await
    }

    pub async fn tickets(&self, customer: Option<String>) -> Result<Vec<TicketView>> {
        self.all(
            "list tickets",
            &["tickets"],
            &given(&[("customer", &customer)]),
        )
        .await
    }
}

/// Instances.
impl Client {
    pub async fn instances(
        &self,
        customer: Option<String>,
        state: Option<String>,
    ) -> Result<Vec<Value>> {
        self.all(
            "list instances",
            &["instances"],
            &given(&[("customer", &customer), ("state", &state)]),
        )
        .await
    }

    pub async fn instance(&self, id: &str) -> Result<Value> {
        self.get("fetch the instance", &["instances", id], &[])
            .await
    }

    pub async fn confirm_instance(&self, id: &str, fingerprint: &str) -> Result<Value> {
        self.post(
            "confirm the instance",
            &["instances", id, "confirm"],
            &json!({"fingerprint": fingerprint}),
        )
        .await
    }
}

/// Packets; see `download` for their bytes.
impl Client {
    pub async fn packets(&self, filter: &PacketFilter) -> Result<Vec<PacketView>> {
        let query = given(&[
            ("ticket", &filter.ticket),
            ("hook", &filter.hook),
            ("instance", &filter.instance),
            ("day", &filter.day),
        ]);
        self.all("list packets", &["packets"], &query).await
    }

    pub async fn packet(&self, claim: &str) -> Result<PacketView> {
        self.get("fetch the packet's record", &["packets", claim], &[])
            .await
    }

    /// The receipt's envelope, BSON.
    pub async fn receipt(&self, claim: &str) -> Result<Vec<u8>> {
        let request = self.request(Method::GET, &["packets", claim, "receipt"])?;
        Ok(self.bytes("fetch the receipt", request).await?.0)
    }
}
