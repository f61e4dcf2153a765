//! What approvals and questions have in common: a row that waits for a person's word until it expires.

use std::sync::Arc;

use tokio::sync::watch;
use torana_core::approval::{Ending, Resolver};
use torana_core::event::Event;
use torana_core::limit::{
    APPROVAL_BYTES_MAX, APPROVAL_PENDING_MAX, APPROVAL_WAIT_MAX_MS, APPROVAL_WAIT_MS,
};
use torana_core::problem::{Code, Problem};
use torana_core::question::QuestionStatus;

use crate::engine::Engine;
use crate::service::asking::Asking;
use crate::store::{approval, question};

/// Longest id a requester may choose; ours are 36 characters.
const ID_CHARS_MAX: usize = 128;

/// The longest sleep between two looks for expired rows, milliseconds: a stepped wall clock is noticed within it.
const EXPIRY_SLEEP_MAX_MS: u64 = 30_000;

/// Who ends what nobody answered, as the audit log names it.
pub(super) const GATEWAY: &str = "gateway";

/// Approvals and questions. Cheap to clone.
#[derive(Clone)]
pub struct Approvals {
    pub(super) engine: Engine,
    /// Counts changes; whoever waits looks again when it moves.
    pub(super) changes: Arc<watch::Sender<u64>>,
    /// What each client may still ask.
    asking: Arc<Asking>,
}

impl Approvals {
    /// Approvals of an engine; starts the task that ends those nobody answered.
    pub fn start(engine: &Engine) -> Self {
        let approvals = Self {
            engine: engine.clone(),
            changes: Arc::new(watch::Sender::new(0)),
            asking: Arc::default(),
        };
        let expires = approvals.clone();
        engine
            .tasks()
            .keep("approval expiry", move || expires.clone().expire());
        approvals
    }

    /// Refuses a client that asked too much.
    pub(super) fn may_ask(&self, asker: &str) -> Result<(), Problem> {
        let now_ms = self.engine.world().monotonic_ms();
        self.asking.take(asker, now_ms).map_err(|wait_ms| {
            let message = "this client asked for too many approvals and answers";
            Problem::new(Code::Busy, message).retry_after_ms(wait_ms)
        })
    }

    /// Tells it to whoever listens, and wakes whoever waits.
    pub(super) fn tell(&self, event: Event) {
        self.changes.send_modify(|count| *count += 1);
        self.engine.bus().publish(event);
    }

    async fn expire(self) {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let sleep_ms = match self.expire_due().await {
                Ok(next_ms) => next_ms.map(|next_ms| next_ms.clamp(1, EXPIRY_SLEEP_MAX_MS)),
                Err(problem) => {
                    tracing::warn!(%problem, "Expired approvals could not be ended.");
                    Some(EXPIRY_SLEEP_MAX_MS)
                }
            };
            let due = async {
                match sleep_ms {
                    Some(sleep_ms) => self.engine.world().sleep_ms(sleep_ms).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                moved = changed(&mut changes) => if moved.is_err() { return },
            }
        }
    }

    /// Ends what is due; milliseconds until the next is, `None` while nothing waits.
    async fn expire_due(&self) -> Result<Option<u64>, Problem> {
        let (approvals, questions) = self
            .engine
            .read(|connection| {
                Ok((
                    approval::pending(connection)?,
                    question::pending(connection)?,
                ))
            })
            .await?;
        let now_ms = self.engine.world().wall_ms();
        let mut next_ms: Option<i64> = None;
        let mut sooner = |expires_at_ms: i64| {
            let in_ms = expires_at_ms - now_ms;
            next_ms = Some(next_ms.map_or(in_ms, |next_ms| next_ms.min(in_ms)));
        };
        for row in approvals {
            if row.expires_at_ms <= now_ms {
                self.end(row.id, timed_out(now_ms), GATEWAY).await?;
            } else {
                sooner(row.expires_at_ms);
            }
        }
        for row in questions {
            if row.expires_at_ms <= now_ms {
                let end = question::End {
                    status: QuestionStatus::Expired,
                    answers: None,
                    resolved_by: None,
                    resolution_id: None,
                };
                // Answered a moment ago is as good as expired.
                drop(self.answer(&row.id, end, GATEWAY).await);
            } else {
                sooner(row.expires_at_ms);
            }
        }
        Ok(next_ms.and_then(|next_ms| u64::try_from(next_ms).ok()))
    }
}

/// What storing a new row came to.
pub(super) enum Stored {
    Done,
    Taken,
    Full,
}

impl Stored {
    pub(super) fn check(self) -> Result<(), Problem> {
        match self {
            Self::Done => Ok(()),
            Self::Taken => Err(Problem::new(
                Code::InvalidRequest,
                "this id is taken; choose another",
            )),
            Self::Full => Err(Problem::new(
                Code::Busy,
                format!("{APPROVAL_PENDING_MAX} requests wait for an answer already"),
            )
            .hint("Answer some of them first.")),
        }
    }
}

/// How long a row waits: as asked, within bounds.
pub(super) fn bounded_wait(wait_ms: Option<i64>) -> i64 {
    wait_ms
        .unwrap_or(APPROVAL_WAIT_MS)
        .clamp(1, APPROVAL_WAIT_MAX_MS)
}

/// The id a requester chose, or a new one.
pub(super) fn checked_id(id: Option<String>, engine: &Engine) -> Result<String, Problem> {
    let Some(id) = id else {
        return Ok(engine.world().uuid());
    };
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.:".contains(character);
    let whole = !id.is_empty() && id.len() <= ID_CHARS_MAX && id.chars().all(plain);
    if whole && id != "." && id != ".." {
        Ok(id)
    } else {
        Err(Problem::new(
            Code::InvalidRequest,
            "an id has 1 to 128 letters, digits and - _ . :",
        ))
    }
}

pub(super) fn checked_size(value: &serde_json::Value) -> Result<(), Problem> {
    if value.to_string().len() > APPROVAL_BYTES_MAX {
        return Err(Problem::new(
            Code::InvalidRequest,
            format!("the request is larger than {APPROVAL_BYTES_MAX} bytes"),
        ));
    }
    Ok(())
}

/// Waits for the next change of any row.
pub(super) async fn changed(changes: &mut watch::Receiver<u64>) -> Result<(), Problem> {
    changes
        .changed()
        .await
        .map_err(|_| Problem::new(Code::Unavailable, "the gateway is stopping"))
}

/// The end of one that nobody answered.
pub(super) fn timed_out(at_ms: i64) -> approval::End {
    approval::End {
        status: Ending::Timeout.status(),
        decision: None,
        ending: Ending::Timeout,
        resolver: Resolver {
            kind: "system".to_owned(),
            id: None,
        },
        at_ms,
    }
}
