//! `torana chat`: a conversation in the terminal, answers as they grow.
//!
//! What is typed goes out with `chat.send`, what is shown comes from `chat` events, so an answer begun elsewhere in the
//! same session is shown as well. [`Screen`] decides what to print from each event and knows no terminal. When the
//! connection is lost, [`Chat::reconnect`] makes another one, sends again what was not confirmed, under the same key, and
//! prints what was said meanwhile.

use std::io::IsTerminal as _;

use serde_json::{Value, json};
use tokio::io::AsyncBufReadExt as _;

use super::sessions::words;
use crate::cli::args::ChatFlags;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::rpc::{Client, Incoming, method};
use crate::cli::safe::safe;
use crate::cli::words::{items_of, text_of};

/// Messages shown of what was said before: enough to remember where one was.
const RECALLED_MAX: usize = 4;
/// Messages read after a connection was lost; what was asked just before is among them.
const CAUGHT_UP_MAX: usize = 50;
/// First wait before connecting again, and the longest (OpenClaw 2026.9.6).
const RETRY_MS_MIN: u64 = 1_000;
const RETRY_MS_MAX: u64 = 30_000;
/// How long a script waits for a gateway that went away: longer than a restart takes.
const SCRIPT_WAIT_MS_MAX: u64 = 120_000;

/// Talks until the input ends.
pub(crate) async fn run(invocation: &mut Invocation, flags: ChatFlags) -> Result<(), Failure> {
    let mut client = invocation.connect().await?;
    let wanted = flags
        .agent
        .as_ref()
        .map_or(flags.session.clone(), |agent| format!("agent:{agent}:main"));
    let listening = client
        .call(
            method::SESSIONS_MESSAGES_SUBSCRIBE,
            json!({ "key": wanted }),
        )
        .await?;
    let session = listening["key"].as_str().unwrap_or(&wanted).to_owned();
    let mut chat = Chat {
        interactive: std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
        screen: Screen::new(session.clone()),
        session,
        thinking: flags.thinking,
        sends: Vec::new(),
        leaving: false,
    };
    chat.greet(invocation, &mut client).await?;
    let result = chat.talk(invocation, &mut client).await;
    client.close().await;
    result
}

struct Chat {
    session: String,
    thinking: Option<String>,
    interactive: bool,
    screen: Screen,
    /// Messages whose acceptance is awaited.
    sends: Vec<Sent>,
    /// Ctrl-C was pressed while something ran; once more leaves.
    leaving: bool,
}

/// A message the gateway has not confirmed.
struct Sent {
    /// The request that carries it.
    id: u64,
    key: String,
    text: String,
}

impl Chat {
    async fn greet(&mut self, invocation: &Invocation, client: &mut Client) -> Result<(), Failure> {
        let history = client
            .call(
                method::CHAT_HISTORY,
                json!({ "sessionKey": self.session, "limit": RECALLED_MAX }),
            )
            .await?;
        if self.interactive {
            invocation.output.note(&format!(
                "{} · /help lists commands, /stop or Ctrl-C stops an answer, Ctrl-D leaves",
                self.session
            ));
            for message in items_of(&history, "messages") {
                let mark = if text_of(message, "role") == "user" {
                    "> "
                } else {
                    ""
                };
                invocation
                    .output
                    .text(&format!("{mark}{}", words(message)))?;
            }
        }
        if let Some(run) = history["inFlightRun"].as_object() {
            let begun = Value::Object(run.clone());
            let shown = self
                .screen
                .resume(text_of(&begun, "runId"), text_of(&begun, "text"));
            self.show(invocation, &shown)?;
        }
        self.prompt(invocation)
    }

    async fn talk(&mut self, invocation: &Invocation, client: &mut Client) -> Result<(), Failure> {
        let mut lines = tokio::io::BufReader::new(tokio::io::stdin()).lines();
        let mut input_open = true;
        while input_open || self.is_busy() {
            // Piped input is a script: one message after the other. A person may steer a running answer.
            let reads = input_open && (self.interactive || !self.is_busy());
            let outcome = tokio::select! {
                biased;
                pressed = tokio::signal::ctrl_c() => {
                    pressed.map_err(|error| Failure::failed(format!("cannot wait for Ctrl-C: {error}")))?;
                    if self.leaving || !self.is_busy() {
                        return Ok(());
                    }
                    self.leaving = true;
                    self.stop(client).await
                }
                incoming = client.next() => match incoming {
                    Ok(incoming) => self.take(invocation, incoming),
                    Err(failure) => Err(failure),
                },
                line = lines.next_line(), if reads => match line {
                    Ok(Some(line)) => match self.say(invocation, client, line.trim()).await {
                        Ok(true) => return Ok(()),
                        Ok(false) => Ok(()),
                        Err(failure) => Err(failure),
                    },
                    Ok(None) => {
                        input_open = false;
                        Ok(())
                    }
                    Err(error) => return Err(Failure::failed(format!("cannot read the input: {error}"))),
                },
            };
            match outcome {
                Ok(()) => {}
                Err(failure) if failure.exit == Exit::Unreachable => {
                    if !self.reconnect(invocation, client, &failure).await? {
                        return Ok(());
                    }
                }
                Err(failure) => return Err(failure),
            }
            if self.interactive && !input_open {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Makes another connection and goes on where the old one ended. False when somebody did not want to wait.
    async fn reconnect(
        &mut self,
        invocation: &Invocation,
        client: &mut Client,
        why: &Failure,
    ) -> Result<bool, Failure> {
        let note = format!("{}; connecting again, Ctrl-C leaves", why.message);
        invocation.output.note(&note);
        let began_ms = invocation.world.monotonic_ms();
        let mut wait_ms = RETRY_MS_MIN;
        loop {
            tokio::select! {
                pressed = tokio::signal::ctrl_c() => {
                    pressed.map_err(|error| Failure::failed(format!("cannot wait for Ctrl-C: {error}")))?;
                    return Ok(false);
                }
                () = invocation.world.sleep_ms(wait_ms) => {}
            }
            match self.resume(invocation, client).await {
                Ok(()) => return Ok(true),
                Err(failure) if failure.exit == Exit::Unreachable => {
                    let waited_ms = invocation.world.monotonic_ms().saturating_sub(began_ms);
                    if !self.interactive && waited_ms > SCRIPT_WAIT_MS_MAX {
                        return Err(failure);
                    }
                }
                Err(failure) => return Err(failure),
            }
            wait_ms = wait_ms.saturating_mul(2).min(RETRY_MS_MAX);
        }
    }

    /// Connects, prints what was said meanwhile, and sends what was not confirmed.
    async fn resume(
        &mut self,
        invocation: &Invocation,
        client: &mut Client,
    ) -> Result<(), Failure> {
        *client = invocation.connect().await?;
        let listening = json!({ "key": self.session });
        client
            .call(method::SESSIONS_MESSAGES_SUBSCRIBE, listening)
            .await?;
        let history = client
            .call(
                method::CHAT_HISTORY,
                json!({ "sessionKey": self.session, "limit": CAUGHT_UP_MAX }),
            )
            .await?;
        let unsent: Vec<String> = self.sends.iter().map(|sent| sent.key.clone()).collect();
        let (shown, answered) = self.screen.catch_up(&history, &unsent);
        self.sends.retain(|sent| !answered.contains(&sent.key));
        for shown in &shown {
            self.show(invocation, shown)?;
        }
        for at in 0..self.sends.len() {
            self.send(client, at).await?;
        }
        self.leaving = false;
        invocation.output.note("connected again");
        if self.is_busy() {
            Ok(())
        } else {
            self.prompt(invocation)
        }
    }

    async fn send(&mut self, client: &mut Client, at: usize) -> Result<(), Failure> {
        let Some(sent) = self.sends.get_mut(at) else {
            return Ok(());
        };
        let mut params =
            json!({ "sessionKey": self.session, "message": sent.text, "idempotencyKey": sent.key });
        if let Some(thinking) = &self.thinking {
            params["thinking"] = json!(thinking);
        }
        sent.id = client.request(method::CHAT_SEND, params).await?;
        Ok(())
    }

    fn is_busy(&self) -> bool {
        !self.sends.is_empty() || self.screen.is_running()
    }

    /// Sends a line. True when it said goodbye.
    async fn say(
        &mut self,
        invocation: &Invocation,
        client: &mut Client,
        line: &str,
    ) -> Result<bool, Failure> {
        match line {
            "" => self.prompt(invocation)?,
            "/exit" | "/quit" => return Ok(true),
            "/stop" => self.stop(client).await?,
            text => {
                let key = invocation.world.uuid();
                self.screen.expect(&key);
                let text = text.to_owned();
                self.sends.push(Sent { id: 0, key, text });
                self.send(client, self.sends.len() - 1).await?;
            }
        }
        Ok(false)
    }

    async fn stop(&mut self, client: &mut Client) -> Result<(), Failure> {
        client
            .request(method::CHAT_ABORT, json!({ "sessionKey": self.session }))
            .await
            .map(drop)
    }

    fn take(&mut self, invocation: &Invocation, incoming: Incoming) -> Result<(), Failure> {
        match incoming {
            Incoming::Event(name, payload) if name == "chat" => {
                let shown = self.screen.event(&payload);
                if invocation.output.json
                    && !matches!(text_of(&payload, "state"), "delta" | "status")
                {
                    return invocation.output.text(&payload.to_string());
                }
                self.show(invocation, &shown)?;
                if shown.ended {
                    self.leaving = false;
                    self.prompt(invocation)?;
                }
            }
            Incoming::Answer { id, outcome } => {
                let was_send = self
                    .sends
                    .iter()
                    .position(|sent| sent.id == id)
                    .map(|at| self.sends.remove(at))
                    .is_some();
                match outcome {
                    // A repeat of a key that is over brings no events any more.
                    Ok(answer)
                        if was_send && matches!(text_of(&answer, "status"), "ok" | "error") =>
                    {
                        self.screen.forget(text_of(&answer, "runId"));
                    }
                    Ok(_) => {}
                    Err(failure) if was_send => {
                        self.screen.refused();
                        if !self.interactive {
                            return Err(failure);
                        }
                        failure.print(false);
                        self.prompt(invocation)?;
                    }
                    Err(failure) => failure.print(false),
                }
            }
            Incoming::Event(name, _) if name == "shutdown" => invocation
                .output
                .note("the gateway stops; what was unfinished goes on after its next start"),
            Incoming::Event(..) => {}
        }
        Ok(())
    }

    fn show(&self, invocation: &Invocation, shown: &Shown) -> Result<(), Failure> {
        if invocation.output.json {
            return Ok(());
        }
        if !shown.text.is_empty() {
            invocation.output.piece(&shown.text)?;
        }
        if let Some(note) = &shown.note {
            invocation.output.note(note);
        }
        Ok(())
    }

    fn prompt(&self, invocation: &Invocation) -> Result<(), Failure> {
        if self.interactive && !invocation.output.json {
            invocation.output.piece("> ")
        } else {
            Ok(())
        }
    }
}

/// What an event puts on the screen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// To print as it is.
    pub(crate) text: String,
    /// To say beside it.
    pub(crate) note: Option<String>,
    /// An answer is over.
    pub(crate) ended: bool,
}

/// Follows the answers of one session.
#[derive(Debug)]
pub(crate) struct Screen {
    session: String,
    /// The answer that grows: its run and what is on the screen of it.
    growing: Option<(String, String)>,
    /// Runs we asked for that have not ended.
    expected: Vec<String>,
}

impl Screen {
    /// Nothing said yet.
    pub(crate) fn new(session: String) -> Self {
        Self {
            session,
            growing: None,
            expected: Vec::new(),
        }
    }

    fn is_running(&self) -> bool {
        self.growing.is_some() || !self.expected.is_empty()
    }

    /// We asked for a run.
    pub(crate) fn expect(&mut self, run_id: &str) {
        self.expected.push(run_id.to_owned());
    }

    fn forget(&mut self, run_id: &str) {
        self.expected.retain(|known| known != run_id);
    }

    /// The request sent last was refused.
    fn refused(&mut self) {
        self.expected.pop();
    }

    /// An answer that was under way before we came.
    fn resume(&mut self, run_id: &str, text: &str) -> Shown {
        self.growing = Some((run_id.to_owned(), text.to_owned()));
        Shown {
            text: text.to_owned(),
            ..Shown::default()
        }
    }

    /// What was said while there was no connection, and which of the messages we sent are answered.
    pub(crate) fn catch_up(
        &mut self,
        history: &Value,
        unsent: &[String],
    ) -> (Vec<Shown>, Vec<String>) {
        let running = text_of(&history["inFlightRun"], "runId").to_owned();
        let is_idle = history["sessionInfo"]["hasActiveRun"].as_bool() == Some(false)
            && items_of(&history["pendingInputs"], "items").is_empty();
        let mut open = self.expected.clone();
        if let Some((run, _)) = &self.growing
            && !open.contains(run)
        {
            open.insert(0, run.clone());
        }
        let (mut shown, mut answered) = (Vec::new(), Vec::new());
        for run in open.into_iter().filter(|run| *run != running) {
            let stored = items_of(history, "messages").iter().find(|message| {
                text_of(message, "role") == "assistant"
                    && text_of(&message["__openclaw"], "runId") == run
            });
            if let Some(message) = stored {
                shown.push(self.end(&run, &words(message), None));
                answered.push(run);
            } else if is_idle && !unsent.contains(&run) {
                // It ended without an answer; nobody will say so any more.
                shown.push(self.end(&run, "", Some("(no answer)".to_owned())));
            }
        }
        if !running.is_empty() {
            let whole = text_of(&history["inFlightRun"], "text");
            let rest = match &self.growing {
                Some((run, on_screen)) if *run == running => whole.strip_prefix(on_screen.as_str()),
                _ => None,
            };
            let text = match rest {
                Some(rest) => self.grow(&running, rest, false),
                None => self.grow(&running, whole, true),
            };
            shown.push(Shown {
                text,
                ..Shown::default()
            });
        }
        (shown, answered)
    }

    /// What a `chat` event changes on the screen.
    pub(crate) fn event(&mut self, event: &Value) -> Shown {
        if text_of(event, "sessionKey") != self.session {
            return Shown::default();
        }
        let run_id = text_of(event, "runId");
        match text_of(event, "state") {
            "delta" => {
                let replaces = event["replace"].as_bool() == Some(true);
                Shown {
                    text: self.grow(run_id, text_of(event, "deltaText"), replaces),
                    ..Shown::default()
                }
            }
            "final" => self.end(run_id, &words(&event["message"]), None),
            "aborted" => self.end(
                run_id,
                &words(&event["message"]),
                Some("(stopped)".to_owned()),
            ),
            "error" => {
                let message = text_of(event, "errorMessage");
                let message = if message.is_empty() {
                    "the turn failed"
                } else {
                    message
                };
                self.end(run_id, "", Some(format!("error: {}", safe(message))))
            }
            _ => Shown::default(),
        }
    }

    fn grow(&mut self, run_id: &str, delta: &str, replaces: bool) -> String {
        match &mut self.growing {
            Some((running, on_screen)) if running == run_id && !replaces => {
                on_screen.push_str(delta);
                delta.to_owned()
            }
            growing => {
                // Another answer, or the same one begun anew: what is on the screen cannot be taken back, so it
                // continues on a line of its own.
                let gap = if growing.is_some() { "\n" } else { "" };
                let printed = format!("{gap}{delta}");
                *growing = Some((run_id.to_owned(), delta.to_owned()));
                printed
            }
        }
    }

    fn end(&mut self, run_id: &str, whole: &str, note: Option<String>) -> Shown {
        self.forget(run_id);
        let on_screen = match self.growing.take() {
            Some((running, on_screen)) if running == run_id => on_screen,
            other => {
                self.growing = other;
                String::new()
            }
        };
        let mut text = match whole.strip_prefix(on_screen.as_str()) {
            Some(rest) => rest.to_owned(),
            // A cut or corrected text; an empty one keeps what was shown.
            None if whole.is_empty() => String::new(),
            None => format!("\n{whole}"),
        };
        if !on_screen.is_empty() || !text.is_empty() {
            text.push('\n');
        }
        Shown {
            text,
            note,
            ended: true,
        }
    }
}
