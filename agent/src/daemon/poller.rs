//! The long poll: asks for the hook list, hands it to the engine, and obeys how the server wants to be asked.
use std::{rc::Rc, time::Duration};

use boathook_hooks::{protocol, strict::MAX_DOCUMENT, time::Time};
use bytes::Bytes;
use reqwest::Method;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{Shared, engine::Event};
use crate::{
    client::{Answer, ClientError},
    poll::{Pace, chance},
    session::SessionError,
    sys::raw,
};

/// Beyond what the server said it would hold.
const GRACE: Duration = Duration::from_secs(20);
/// A long poll that has lasted so long will mostly last its whole time.
const SETTLED: Duration = Duration::from_secs(3);
/// The engine took the list in and knows what it names.
pub(super) type Taken = oneshot::Sender<bool>;

pub(super) async fn run(shared: Rc<Shared>, events: mpsc::Sender<Event>) {
    let mut pace = Pace::default();
    let mut etag: Option<String> = None;
    let mut plan = pace.now();
    loop {
        if !plan.pause.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(plan.pause) => {}
                () = shared.poll_now.notified() => {}
            }
        }
        let asked = Instant::now();
        plan = match waiting(ask(&shared, plan.wait, etag.as_deref())).await {
            Ok(answer) => {
                let advice = answer.poll();
                let news = answer.status == 200;
                if news && !hand_over(&events, answer.body.clone()).await {
                    etag = None;
                    pace.failed(None, chance())
                } else {
                    if news {
                        etag = answer.header("etag").map(str::to_owned);
                    }
                    let confirmed = shared.api.is_confirmed().await;
                    shared.tell(|s| {
                        s.unconfirmed = !confirmed;
                        s.answered_at = Some(Time::wall_clock());
                        s.trouble = None;
                        s.poll = advice.map(|a| a.to_string()).or(s.poll.take());
                    });
                    pace.answered(advice, asked.elapsed(), news, chance())
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, again_after_errors = pace.errors(), "no hook list");
                shared.tell(|s| s.trouble = Some(error.to_string()));
                pace.failed(error.retry_after(), chance())
            }
        };
    }
}

/// Gives memory back once the answer is seen to take long.
async fn waiting<T>(asking: impl Future<Output = T>) -> T {
    tokio::pin!(asking);
    tokio::select! {
        answer = &mut asking => return answer,
        () = tokio::time::sleep(SETTLED) => {}
    }
    if let Err(error) = raw::release_code() {
        tracing::debug!(%error, "code stays resident");
    }
    asking.await
}

async fn ask(shared: &Shared, wait: u32, etag: Option<&str>) -> Result<Answer, SessionError> {
    let seen = shared.trust.borrow().list().map_or(0, |l| l.number);
    let path = format!("{}?wait={wait}", protocol::PATH_HOOKS);
    shared
        .api
        .send(|client| -> Result<_, ClientError> {
            let mut request = client
                .request("asking for hooks", Method::GET, &path)?
                .header(protocol::HEADER_SEEN, seen)
                .limit(MAX_DOCUMENT)
                .timeout(Duration::from_secs(wait.into()) + GRACE);
            if let Some(etag) = etag {
                request = request.header("if-none-match", etag);
            }
            Ok(request)
        })
        .await
}

/// False when the list was refused: it is asked for again, whole.
async fn hand_over(events: &mpsc::Sender<Event>, list: Bytes) -> bool {
    let (taken, answer) = oneshot::channel();
    events.send(Event::List { list, taken }).await.is_ok() && answer.await.unwrap_or(false)
}
