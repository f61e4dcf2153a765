//! Turns as clients make them: `chat.send`, then events, until `final`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Client, SCOPED, field, is_answer, is_event};
use super::gateway::Gateway;
use super::{Fault, clock};

/// Turns in one session, so that histories stay as short as in everyday use.
const TURNS_PER_SESSION: usize = 10;

/// How much, by how many at once.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) connections: usize,
    /// Turns under way at once on one connection, each in a session of its own.
    pub(super) in_flight: usize,
    /// Turns altogether.
    pub(super) turns: usize,
}

/// What came of it.
pub(super) struct Driven {
    /// From `chat.send` to `final`, of every turn.
    pub(super) latencies: Vec<Duration>,
    pub(super) elapsed: Duration,
}

/// Makes turns on a gateway.
pub(super) async fn drive(gateway: &Gateway, plan: Plan) -> Result<Driven, Fault> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let share = plan.turns.div_ceil(plan.connections);
    let mut people = Vec::new();
    for number in 0..plan.connections {
        people.push(Person::new(gateway, format!("r{run}p{number}"), share, plan.in_flight).await?);
    }
    let begun = clock::now();
    let mut tasks = tokio::task::JoinSet::new();
    for person in people {
        tasks.spawn(person.talk());
    }
    let mut latencies = Vec::with_capacity(plan.turns);
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    Ok(Driven {
        latencies,
        elapsed: begun.elapsed(),
    })
}

/// One connection and its sessions.
struct Person {
    client: Client,
    name: String,
    turns: usize,
    in_flight: usize,
    begun: HashMap<String, (usize, Instant)>,
    latencies: Vec<Duration>,
}

impl Person {
    async fn new(
        gateway: &Gateway,
        name: String,
        turns: usize,
        in_flight: usize,
    ) -> Result<Self, Fault> {
        let client = Client::connect(gateway, SCOPED).await?;
        let mut person = Self {
            client,
            name,
            turns,
            in_flight,
            begun: HashMap::new(),
            latencies: Vec::with_capacity(turns),
        };
        for lane in 0..in_flight {
            for session in 0..turns.div_ceil(in_flight).div_ceil(TURNS_PER_SESSION) {
                let key = person.session(lane, session);
                person
                    .client
                    .call("sessions.messages.subscribe", &json!({ "key": key }))
                    .await?;
            }
        }
        Ok(person)
    }

    fn session(&self, lane: usize, number: usize) -> String {
        format!("agent:main:{}l{lane}s{number}", self.name)
    }

    async fn talk(mut self) -> Result<Vec<Duration>, Fault> {
        let mut sent = vec![0; self.in_flight];
        for lane in 0..self.in_flight {
            self.say(lane, &mut sent).await?;
        }
        while !self.begun.is_empty() {
            let frame = self.client.socket.next().await?;
            if is_answer(&frame)
                && !frame
                    .windows(9)
                    .take(64)
                    .any(|window| window == b"\"ok\":true")
            {
                return Err(String::from_utf8_lossy(&frame).into_owned().into());
            }
            if !is_event(&frame, "chat") {
                continue;
            }
            let text = std::str::from_utf8(&frame)?;
            let (Some(run), Some(state)) = (field(text, "runId"), field(text, "state")) else {
                continue;
            };
            match state {
                "final" => {
                    if let Some((lane, begun)) = self.begun.remove(run) {
                        self.latencies.push(begun.elapsed());
                        self.say(lane, &mut sent).await?;
                    }
                }
                "error" | "aborted" => return Err(text.to_owned().into()),
                _ => {}
            }
        }
        Ok(self.latencies)
    }

    async fn say(&mut self, lane: usize, sent: &mut [usize]) -> Result<(), Fault> {
        let number = sent[lane];
        if number >= self.turns.div_ceil(self.in_flight) {
            return Ok(());
        }
        sent[lane] += 1;
        let run = format!("{}l{lane}n{number}", self.name);
        let params = json!({
            "sessionKey": self.session(lane, number / TURNS_PER_SESSION),
            "message": "How long does it take you to say all of this again?",
            "idempotencyKey": run,
        });
        self.begun.insert(run, (lane, clock::now()));
        self.client.send("chat.send", &params).await?;
        Ok(())
    }
}
