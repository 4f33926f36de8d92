//! Serves one stream of the link as an HTTP server for the model's API: decide, open the
//! credential, forward, stream the answer back.
//!
//! Invariants
//! - Nothing is buffered: a request's body goes up and an answer comes down as it arrives.
//! - Nothing of the request but its endpoint, the allowed headers and the body leaves the host.
//! - The credential does not come back with an answer ([`scrub`]).
//! - When the container hangs up, the request upstream is cut too, so nobody pays for its rest.

mod gate;
mod refusal;
mod scrub;

use std::convert::Infallible;
use std::error::Error;
use std::iter::successors;

use async_trait::async_trait;
use bytes::Bytes;
use domain::SessionId;
use domain::plain::chain;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tracing::{debug, info, warn};

use crate::model::refusal::Refusal;
use crate::model::scrub::Scrubbed;
use crate::upstream::Trouble;
use crate::{Caller, Duplex, Egress, MODEL_CREDENTIAL, Vault};

/// An answer's body. Its error is an upstream that went away in the middle.
type Answer = Response<BoxBody<Bytes, reqwest::Error>>;

/// The CLI sends about 25.
const HEADERS_MAX: usize = 64;

#[async_trait]
impl Egress for Vault {
    /// Trouble is answered in the API's own error format, so that the agent's program shows it to the
    /// user.
    async fn serve(&self, caller: Caller, stream: Box<dyn Duplex>) {
        let caller = &caller;
        let limits = &self.limits;
        let answer =
            |request| async move { Ok::<_, Infallible>(self.answer(caller, request).await) };
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle_max)
            .max_headers(HEADERS_MAX)
            .max_buf_size(limits.head_bytes_max)
            .serve_connection(TokioIo::new(stream), service_fn(answer))
            .await;
        if let Err(err) = served {
            // Mostly a container that stopped while an answer was on its way.
            debug!(session = %caller.session, why = chain(&err), "stream cut");
        }
    }
}

impl Vault {
    async fn answer(&self, caller: &Caller, request: Request<Incoming>) -> Answer {
        match self.forward(caller, request).await {
            Ok(answer) => answer,
            Err(refusal) => {
                self.note(caller, &refusal).await;
                refusal.into_answer()
            }
        }
    }

    async fn forward(
        &self,
        caller: &Caller,
        request: Request<Incoming>,
    ) -> Result<Answer, Refusal> {
        let limits = &self.limits;
        let (head_max, body_max) = (limits.head_bytes_max, limits.body_bytes_max);
        if head_max < head_bytes(&request) {
            return Err(Refusal::HeadTooLarge { head_max });
        }
        let call = gate::admit(request.method(), request.uri()).map_err(Refusal::Forbidden)?;
        self.tallies.call(caller, limits).map_err(|after| Refusal::TooMany { after })?;
        if request.body().size_hint().lower() > body_max as u64 {
            return Err(Refusal::TooLarge { body_max });
        }
        let (credential, secret) = self.open(MODEL_CREDENTIAL).await?;
        let url = credential.base_url.join(call).map_err(|_why| Refusal::Internal)?;
        let headers = gate::upwards(request.headers(), credential.kind, &secret)
            .map_err(|_why| Refusal::Internal)?;
        let body = reqwest::Body::wrap(Limited::new(request.into_body(), body_max));
        let sent = self.client.post(url).headers(headers).body(body).send().await;
        let failed = |trouble| Refusal::Upstream { origin: credential.base_url.origin(), trouble };
        let answer = match sent {
            Ok(answer) => answer,
            Err(err) if is_too_large(&err) => return Err(Refusal::TooLarge { body_max }),
            Err(err) => return Err(failed(Trouble::of(&err))),
        };
        let status = answer.status();
        if status.is_informational() || status.is_redirection() {
            return Err(failed(Trouble::Redirect(status.as_u16())));
        }
        let kept = gate::downwards(answer.headers(), &secret);
        let body = Scrubbed::new(reqwest::Body::from(answer), secret).map_err(|err| {
            // The container sees the stream break off, which its program knows to handle.
            warn!(why = chain(&err), "the model's answer broke off");
            err
        });
        let mut down = Response::new(body.boxed());
        *down.status_mut() = status;
        *down.headers_mut() = kept;
        Ok(down)
    }

    /// Logs a refusal, and counts it if the container asked for what it may not have.
    async fn note(&self, caller: &Caller, refusal: &Refusal) {
        let (session, agent, why) = (caller.session, &caller.agent, refusal.to_string());
        let Some(counted) = refusal.counted() else {
            info!(%session, agent, why, "model request not served");
            return;
        };
        let due = self.tallies.refused(session, counted);
        if let Some(times) = due.log {
            warn!(%session, agent, why, times, "model request refused");
        }
        if let Some(count) = due.commit {
            self.commit(session, counted, count).await;
        }
    }

    /// Commits the refusals that were only counted so far; called when the host stops.
    pub async fn commit_refusals(&self) {
        for (session, why, count) in self.tallies.take_uncommitted() {
            self.commit(session, why, count).await;
        }
    }

    async fn commit(&self, session: SessionId, why: &'static str, count: u64) {
        if let Err(err) = self.rows.count_refusals(session, why, count).await {
            warn!(%session, why = chain(&*err), "refusals not counted");
        }
    }
}

/// What the request line and the headers took. The server bounds what it buffers, and reads in pieces.
fn head_bytes(request: &Request<Incoming>) -> usize {
    let uri = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    let line = request.method().as_str().len() + uri + " HTTP/1.1\r\n ".len();
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        name.as_str().len() + value.len() + ": \r\n".len()
    };
    line + request.headers().iter().map(header).sum::<usize>() + "\r\n".len()
}

fn is_too_large(err: &reqwest::Error) -> bool {
    successors(err.source(), |&it| it.source()).any(|it| it.is::<LengthLimitError>())
}
