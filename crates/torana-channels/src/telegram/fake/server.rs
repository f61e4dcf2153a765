//! The HTTP side: connections, faults, and the waiting `getUpdates`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use torana_core::port::World;

use super::method::{Call, Reply};
use super::params::Params;
use super::shared::Fake;
use super::state::{Bot, Fault, FaultKind};
use super::{control, method, webhook};

/// Bytes of a request; a bulk injection of 100,000 messages fits.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest poll Telegram takes, seconds.
const POLL_SECONDS_MAX: i64 = 50;
/// Webhook changes waiting to be served.
const PUMPS_MAX: usize = 64;

/// How the server behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Port on loopback; 0 is any.
    pub port: u16,
    /// Refuse what exceeds Telegram's send rates, and count it.
    pub limits: bool,
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct FakeServer {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

// === impl FakeServer ===

impl FakeServer {
    /// Binds to loopback and serves until dropped.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(options: Options, world: World) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let (pumps, pump_requests) = mpsc::channel(PUMPS_MAX);
        let fake = Arc::new(Fake {
            state: Mutex::default(),
            world,
            limits: options.limits,
            pumps,
        });
        let task = tokio::spawn(accept(fake, listener, pump_requests));
        Ok(Self { address, task })
    }

    /// What to write as `apiRoot`.
    pub fn api_root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for ever; for the program that only serves.
    pub async fn serve(mut self) {
        // The task ends only with the runtime.
        drop((&mut self.task).await);
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    fake: Arc<Fake>,
    listener: TcpListener,
    mut pump_requests: mpsc::Receiver<(String, u64)>,
) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                tasks.spawn(connection(Arc::clone(&fake), stream));
            },
            Some((token, generation)) = pump_requests.recv() => {
                tasks.spawn(webhook::pump(Arc::clone(&fake), token, generation));
            },
            Some(_) = tasks.join_next() => {}
        }
    }
}

async fn connection(fake: Arc<Fake>, stream: TcpStream) {
    // Small answers must not wait for company; without it everything still works, only slower.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| {
        let fake = Arc::clone(&fake);
        async move { respond(&fake, request).await }
    });
    // An error is a client that left, or a reset we made on purpose.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

/// What goes back over the wire.
enum Outcome {
    Answer(u16, Vec<u8>),
    Page(u16, &'static str),
    Reset,
}

async fn respond(
    fake: &Fake,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(page(413, "too large")),
    };
    let path = parts.uri.path();
    let query = parts.uri.query();
    if let Some(what) = path.strip_prefix("/control/") {
        let now_ms = fake.wall_ms();
        let (status, answer) = if parts.method == Method::POST {
            fake.with(|state| control::post(state, what, &body, now_ms))
        } else {
            fake.with(|state| control::get(state, what, query.unwrap_or_default()))
        };
        return Ok(json(status, answer.to_string().into_bytes()));
    }
    let Some((token, method)) = path
        .strip_prefix("/bot")
        .and_then(|rest| rest.rsplit_once('/'))
    else {
        return Ok(page(404, "not found"));
    };
    let content_type = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let Some(params) = Params::read(query, content_type, &body) else {
        let (status, answer) = Reply::bad("can't parse the request").into_answer();
        return Ok(json(status, answer));
    };
    match call(fake, token, method, &params).await {
        Outcome::Answer(status, answer) => Ok(json(status, answer)),
        Outcome::Page(status, text) => Ok(page(status, text)),
        // An error of the service makes the server close the connection without an answer.
        Outcome::Reset => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    }
}

fn json(status: u16, body: Vec<u8>) -> Response<Full<Bytes>> {
    respond_with(status, "application/json", Bytes::from(body))
}

fn page(status: u16, text: &'static str) -> Response<Full<Bytes>> {
    respond_with(status, "text/html", Bytes::from_static(text.as_bytes()))
}

fn respond_with(status: u16, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

async fn call(fake: &Fake, token: &str, method: &str, params: &Params) -> Outcome {
    let chat = params.integer("chat_id");
    let (known, fault) = fake.with(|state| {
        let known = state.bot(token).is_some();
        (
            known,
            if known {
                state.take_fault(token, method, chat)
            } else {
                None
            },
        )
    });
    if !known {
        // Telegram answers a text that is no token like an unknown path.
        return refused(404, "Not Found");
    }
    match &fault {
        Some(fault) if fault.kind == FaultKind::Delay => {
            fake.sleep_ms(fault.delay_ms.unwrap_or(1000)).await
        }
        Some(fault) => {
            if let Some(outcome) = fault_before(fault) {
                if let Outcome::Answer(code, _) = &outcome {
                    fake.with_bot(token, |bot| *bot.errors.entry(*code).or_default() += 1);
                }
                return outcome;
            }
        }
        None => {}
    }
    let outcome = if method.eq_ignore_ascii_case("getUpdates") {
        get_updates(fake, token, params).await
    } else {
        run(fake, token, method, params)
    };
    match fault.map(|fault| fault.kind) {
        Some(FaultKind::FailAfter) => refused(500, "Internal Server Error"),
        Some(FaultKind::ResetAfter) => Outcome::Reset,
        _ => outcome,
    }
}

fn refused(code: u16, description: &str) -> Outcome {
    let reply = Reply::Refused {
        code,
        description: description.to_owned(),
        parameters: None,
    };
    let (status, answer) = reply.into_answer();
    Outcome::Answer(status, answer)
}

/// The outcome of a fault that keeps the call from having its effect.
fn fault_before(fault: &Fault) -> Option<Outcome> {
    match fault.kind {
        FaultKind::TooMany => {
            let (status, answer) = Reply::too_many(fault.retry_after.unwrap_or(1)).into_answer();
            Some(Outcome::Answer(status, answer))
        }
        FaultKind::FailBefore => Some(refused(500, "Internal Server Error")),
        FaultKind::ResetBefore => Some(Outcome::Reset),
        FaultKind::Garbage => Some(Outcome::Page(200, "<html>this is not Telegram</html>")),
        FaultKind::Unauthorized => Some(refused(401, "Unauthorized")),
        FaultKind::Conflict => Some(refused(409, CONFLICT)),
        FaultKind::Refuse => Some(refused(
            fault.code.unwrap_or(400),
            fault
                .description
                .as_deref()
                .unwrap_or("Bad Request: told to refuse"),
        )),
        FaultKind::FailAfter | FaultKind::ResetAfter | FaultKind::Delay => None,
    }
}

fn run(fake: &Fake, token: &str, method: &str, params: &Params) -> Outcome {
    let call = Call {
        method,
        params,
        wall_ms: fake.wall_ms(),
        monotonic_ms: fake.world.monotonic_ms(),
        limits: fake.limits,
    };
    let done = fake.with_bot(token, |bot| {
        count_call(bot, method);
        let before = bot.generation;
        let reply = method::run(bot, &call);
        if let Reply::Refused { code, .. } = &reply {
            *bot.errors.entry(*code).or_default() += 1;
        }
        let pump = (bot.generation != before && bot.webhook.is_some()).then_some(bot.generation);
        (reply.into_answer(), pump)
    });
    let Some(((status, answer), pump)) = done else {
        return refused(404, "Not Found");
    };
    if let Some(generation) = pump
        && fake.pumps.try_send((token.to_owned(), generation)).is_err()
    {
        return refused(500, "Internal Server Error: too many webhook changes");
    }
    Outcome::Answer(status, answer)
}

fn count_call(bot: &mut Bot, method: &str) {
    // Methods are few, but their names come from outside.
    if bot.counts.len() < 100 || bot.counts.contains_key(method) {
        *bot.counts.entry(method.to_owned()).or_default() += 1;
    }
}

const CONFLICT: &str = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
const CONFLICT_WEBHOOK: &str = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";

/// One look at the queue.
enum Look {
    Found(Vec<u8>),
    Conflict(&'static str),
    Wait,
}

async fn get_updates(fake: &Fake, token: &str, params: &Params) -> Outcome {
    let limit =
        usize::try_from(params.integer("limit").unwrap_or(100).clamp(1, 100)).unwrap_or(100);
    let seconds = params
        .integer("timeout")
        .unwrap_or(0)
        .clamp(0, POLL_SECONDS_MAX);
    let deadline_ms = fake.world.monotonic_ms() + u64::try_from(seconds * 1000).unwrap_or(0);
    let offset = params.integer("offset");
    let begun = fake.with_bot(token, |bot| {
        count_call(bot, "getUpdates");
        if let Some(offset) = offset {
            let now_ms = fake.wall_ms();
            bot.confirm(offset, now_ms);
        }
        // Whoever polls now ends whoever polled before.
        bot.generation += 1;
        bot.changed.notify_waiters();
        (bot.generation, Arc::clone(&bot.changed))
    });
    let Some((generation, changed)) = begun else {
        return refused(404, "Not Found");
    };
    loop {
        let mut woken = std::pin::pin!(changed.notified());
        woken.as_mut().enable();
        match look(fake, token, generation, limit) {
            Look::Found(list) => return updates(&list),
            Look::Conflict(description) => {
                fake.with_bot(token, |bot| *bot.errors.entry(409).or_default() += 1);
                return refused(409, description);
            }
            Look::Wait if fake.world.monotonic_ms() >= deadline_ms => return updates(b"[]"),
            Look::Wait => {}
        }
        tokio::select! {
            () = woken => {}
            () = fake.world.clock.sleep_until(deadline_ms) => {}
        }
    }
}

fn look(fake: &Fake, token: &str, generation: u64, limit: usize) -> Look {
    let now_ms = fake.wall_ms();
    let looked = fake.with_bot(token, |bot| {
        if bot.webhook.is_some() {
            return Look::Conflict(CONFLICT_WEBHOOK);
        }
        if bot.generation != generation {
            return Look::Conflict(CONFLICT);
        }
        bot.expire(now_ms);
        bot.updates(limit).map_or(Look::Wait, Look::Found)
    });
    looked.unwrap_or(Look::Wait)
}

fn updates(list: &[u8]) -> Outcome {
    let mut answer = Vec::with_capacity(list.len() + 24);
    answer.extend_from_slice(b"{\"ok\":true,\"result\":");
    answer.extend_from_slice(list);
    answer.push(b'}');
    Outcome::Answer(200, answer)
}
