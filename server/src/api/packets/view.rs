//! Lists of packets, and one packet with its statement.
use axum::extract::State;
use boathook_hooks::{
    ids::{Blob, ClaimId, CustomerId, Digest, HookId, InstanceId},
    time::Time,
};
use boathook_schema::{Packet, PacketsBy, Page, TicketRef, Verdicts};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Json, List, Path, Query, as_json},
        packets::open,
    },
    app::Shared,
    errors::{Answer, Problem},
    people::Staff,
};

#[derive(Debug, Serialize, ToSchema)]
pub struct PacketRow {
    #[schema(value_type = String)]
    pub claim_id: ClaimId,
    #[schema(value_type = String)]
    pub hook: HookId,
    pub revision: u32,
    /// SHA-256 of the hook's payload.
    #[schema(value_type = String)]
    pub digest: Digest,
    #[schema(value_type = Option<Object>)]
    pub ticket: Option<TicketRef>,
    #[schema(value_type = String)]
    pub instance: InstanceId,
    #[schema(value_type = String)]
    pub customer: CustomerId,
    /// Of the zip.
    pub bytes: u64,
    #[schema(value_type = String)]
    pub sha256: Digest,
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Time,
    /// The file's name, for people.
    pub name: String,
    /// A summary a section.
    #[schema(value_type = Vec<Object>)]
    pub sections: Vec<serde_json::Value>,
    pub has_receipt: bool,
    /// How many people said that it answered what was asked: `{"yes": 1, "partly": 0, "no": 0}`.
    #[schema(value_type = Object)]
    pub verdicts: Verdicts,
}

impl From<Packet> for PacketRow {
    fn from(packet: Packet) -> Self {
        Self {
            hook: packet.hook,
            revision: packet.revision,
            digest: packet.claim.revision,
            ticket: packet.ticket,
            instance: packet.claim.instance.clone(),
            claim_id: packet.claim,
            customer: packet.customer,
            bytes: packet.bytes,
            sha256: packet.sha256,
            received_at: packet.received_at,
            name: packet.name,
            sections: packet.sections.into_iter().map(as_json).collect(),
            has_receipt: packet.receipt.is_some(),
            verdicts: packet.verdicts,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PacketView {
    #[serde(flatten)]
    pub packet: PacketRow,
    /// `packet.json`, as the instance signed it.
    #[schema(value_type = Object)]
    pub statement: serde_json::Value,
    /// DSSE `receipt.v1` in BSON, as base64.
    #[schema(value_type = Option<String>)]
    pub receipt: Option<Blob>,
}

/// Exactly one of `ticket`, `hook`, `instance` and `day`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PacketsQuery {
    /// `system/key`.
    pub ticket: Option<String>,
    #[param(value_type = Option<String>)]
    pub hook: Option<HookId>,
    #[param(value_type = Option<String>)]
    pub instance: Option<InstanceId>,
    /// A UTC day, `2026-11-21`.
    pub day: Option<String>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// Packets of a ticket, hook, instance or day, newest first.
#[utoipa::path(get, path = "/api/v1/packets", tag = "packets", params(PacketsQuery), responses((status = 200, body = List<PacketRow>)))]
pub async fn list(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Query(query): Query<PacketsQuery>,
) -> Answer<Json<List<PacketRow>>> {
    let page = Page::first(query.limit.unwrap_or(100)).after(query.after.clone());
    let packets = app.store.packets(&caller.scope, by(query)?, page).await?;
    Ok(Json(List::of(packets, PacketRow::from)))
}

/// The one list that was asked for.
pub fn by(query: PacketsQuery) -> Answer<PacketsBy> {
    let wrong = |detail: &str| {
        Problem::field(
            "ticket",
            detail,
            "exactly one of ticket=SYSTEM/KEY, hook=, instance= and day=",
        )
    };
    match (query.ticket, query.hook, query.instance, query.day) {
        (Some(ticket), None, None, None) => {
            let (system, key) = ticket
                .split_once('/')
                .ok_or_else(|| wrong("the ticket has no /"))?;
            Ok(PacketsBy::Ticket(TicketRef {
                system: system.to_owned(),
                key: key.to_owned(),
            }))
        }
        (None, Some(hook), None, None) => Ok(PacketsBy::Hook(hook)),
        (None, None, Some(instance), None) => Ok(PacketsBy::Instance(instance)),
        (None, None, None, Some(day)) => Ok(PacketsBy::Day(day)),
        _ => Err(wrong("none was given, or more than one")),
    }
}

/// One packet with its statement. Reading it is an event.
#[utoipa::path(get, path = "/api/v1/packets/{claim_id}", tag = "packets", params(("claim_id" = String, Path)), responses((status = 200, body = PacketView)))]
pub async fn get(
    State(app): State<Shared>,
    Staff(caller): Staff,
    Path(claim): Path<ClaimId>,
) -> Answer<Json<PacketView>> {
    let packet = open(&app, &caller, &claim, "packet.json", 0).await?;
    let statement = serde_json::from_slice(&packet.statement.0)
        .map_err(|e| Problem::internal("reading a stored statement", e))?;
    let receipt = packet.receipt.clone();
    Ok(Json(PacketView {
        packet: packet.into(),
        statement,
        receipt,
    }))
}
