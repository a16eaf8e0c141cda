//! Erasing packets and instances, and the list of what was erased.
use axum::extract::State;
use boathook_hooks::{
    ids::{ClaimId, CustomerId, Digest, InstanceId},
    time::Time,
};
use boathook_schema::{Erasure, ErasureReceipt};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Json, List, PageQuery, Path, Query},
        instances::Why,
    },
    app::{App, Shared},
    erasing::Eraser,
    errors::Answer,
    people::{Admin, Caller, Viewer},
};

#[derive(Debug, Serialize, ToSchema)]
pub struct ErasureView {
    /// `packet` or `instance`.
    pub kind: &'static str,
    /// A packet's is its claim's.
    pub id: String,
    #[schema(value_type = String)]
    pub customer: CustomerId,
    pub why: String,
    #[schema(value_type = String, format = DateTime)]
    pub begun: Time,
    /// Null while some of it may be there still.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished: Option<Time>,
    /// Of a packet's zip.
    pub bytes: Option<u64>,
    /// Of a packet's zip.
    #[schema(value_type = Option<String>)]
    pub sha256: Option<Digest>,
}

impl From<Erasure> for ErasureView {
    fn from(erasure: Erasure) -> Self {
        Self {
            kind: erasure.kind.word(),
            id: erasure.id,
            customer: erasure.customer,
            why: erasure.why,
            begun: erasure.begun,
            finished: erasure.finished,
            bytes: erasure.packet.map(|packet| packet.bytes),
            sha256: erasure.packet.map(|packet| packet.sha256),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptView {
    /// `packet` or `instance`.
    pub kind: &'static str,
    /// A packet's is its claim's.
    pub id: String,
    #[schema(value_type = String)]
    pub customer: CustomerId,
    #[schema(value_type = String, format = DateTime)]
    pub begun: Time,
    #[schema(value_type = String, format = DateTime)]
    pub finished: Time,
    /// Stored objects of a packet that were deleted.
    pub chunks: u32,
    /// Number of the event that says so, in the customer's chain.
    pub event: u64,
    /// That event's hash.
    #[schema(value_type = String)]
    pub hash: Digest,
}

impl From<ErasureReceipt> for ReceiptView {
    fn from(receipt: ErasureReceipt) -> Self {
        Self {
            kind: receipt.kind.word(),
            id: receipt.id,
            customer: receipt.customer,
            begun: receipt.begun,
            finished: receipt.finished,
            chunks: receipt.chunks,
            event: receipt.head.number,
            hash: receipt.head.hash,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// The reason. It is kept for ever, so it should name nobody.
    pub why: String,
}

impl WhyQuery {
    fn words(self) -> Answer<String> {
        Why { why: self.why }.words()
    }
}

/// Erases a packet for good, with all that is listed of it; a hash and sizes stay. A repeat gets the same receipt.
#[utoipa::path(delete, path = "/api/v1/packets/{claim_id}", tag = "packets", params(("claim_id" = String, Path), WhyQuery), responses((status = 200, body = ReceiptView)))]
pub async fn packet(
    State(app): State<Shared>,
    Admin(caller): Admin,
    Path(claim): Path<ClaimId>,
    Query(query): Query<WhyQuery>,
) -> Answer<Json<ReceiptView>> {
    let receipt = by(&app, &caller, &|| caller.write(app.now()))
        .packet(claim, query.words()?)
        .await?;
    Ok(Json(receipt.into()))
}

/// Erases a retired instance for good, with its packets, its answers and what people said of it. A repeat gets the same
/// receipt.
#[utoipa::path(delete, path = "/api/v1/instances/{id}", tag = "instances", params(("id" = String, Path), WhyQuery), responses((status = 200, body = ReceiptView)))]
pub async fn instance(
    State(app): State<Shared>,
    Admin(caller): Admin,
    Path(id): Path<InstanceId>,
    Query(query): Query<WhyQuery>,
) -> Answer<Json<ReceiptView>> {
    let receipt = erase_instance(&app, &caller, id, query.words()?).await?;
    Ok(Json(receipt.into()))
}

pub async fn erase_instance(
    app: &App,
    caller: &Caller,
    id: InstanceId,
    why: String,
) -> Answer<ErasureReceipt> {
    by(app, caller, &|| caller.write(app.now()))
        .instance(id, why)
        .await
}

fn by<'a>(
    app: &'a App,
    caller: &'a Caller,
    write: &'a (dyn Fn() -> boathook_schema::Write + Send + Sync),
) -> Eraser<'a> {
    let scope = &caller.scope;
    Eraser { app, scope, write }
}

/// What was erased or is being erased, newest first.
#[utoipa::path(get, path = "/api/v1/erasures", tag = "erasures", params(PageQuery), responses((status = 200, body = List<ErasureView>)))]
pub async fn list(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<ErasureView>>> {
    let erasures = app.store.erasures(&caller.scope, page.into()).await?;
    Ok(Json(List::of(erasures, ErasureView::from)))
}
