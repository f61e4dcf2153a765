//! The edge: keys and frames go into the state, what it wants done is done, and the screen is drawn at a steady pace.

use std::collections::HashMap;
use std::future::Future;
use std::io::IsTerminal as _;
use std::pin::Pin;
use std::time::Duration;

use crossterm::event::EventStream;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::last;
use super::local_gateway;
use super::screen::Screen;
use super::shell::{Ended, Shell};
use super::state::{Action, Ask, Settings, State};
use crate::cli::args::TuiFlags;
use crate::cli::failure::{Exit, Failure, Reason};
use crate::cli::invocation::Invocation;
use crate::cli::rpc::{Client, Incoming, Persona};

/// Between two drawings, milliseconds: 30 a second look like motion, more only cost.
const FRAME_MS: u64 = 33;
/// Between two looks at the clock while nothing happens, milliseconds; seconds are shown.
const TICK_MS: u64 = 1_000;
/// First wait before connecting again, and the longest (OpenClaw 2026.9.6).
const RETRY_MS_MIN: u64 = 1_000;
const RETRY_MS_MAX: u64 = 30_000;
/// A gateway without a word of its own beats this often, milliseconds (OpenClaw 2026.9.6).
const BEAT_MS_DEFAULT: u64 = 30_000;
/// A frame that cannot be written for so long means that the connection is gone.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Requests without an answer; above it the oldest is given up.
const ASKED_MAX: usize = 1_000;
/// Keys of messages made ahead.
const KEYS_AHEAD: usize = 4;

type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Client, Failure>> + 'a>>;

/// Runs the interface until somebody leaves.
pub(crate) async fn run(invocation: &mut Invocation, flags: TuiFlags) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::new(Exit::Usage, "the interface needs a terminal")
            .hint("use `torana chat` or `torana agent` in scripts"));
    }
    if invocation.environment.get("TERM") == Some("dumb") {
        return Err(
            Failure::new(Exit::Usage, "this terminal only takes lines (TERM=dumb)")
                .hint("use `torana chat`"),
        );
    }
    if invocation.output.json {
        return Err(Failure::new(Exit::Usage, "the interface prints no JSON")
            .hint("use `torana chat --json` in scripts"));
    }
    let begun = if flags.local {
        unless_ended(local_gateway::ready(invocation)).await?
    } else {
        None
    };
    let ended = match unless_ended(Meeting::begin(invocation, &flags)).await {
        Ok(meeting) => converse(invocation, flags, meeting).await,
        Err(failure) => Err(failure),
    };
    if let Some(begun) = begun {
        begun.end(&invocation.world).await;
    }
    ended
}

/// Does what comes before the interface listens to signals itself. Whatever ends us drops it, and with it a gateway
/// that is just being begun.
async fn unless_ended<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut terminated = ending(SignalKind::terminate())?;
    let mut hung_up = ending(SignalKind::hangup())?;
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err(Failure::failed("interrupted")),
        _ = terminated.recv() => Err(Failure::failed("ended by a signal")),
        _ = hung_up.recv() => Err(Failure::failed("ended by a signal")),
    }
}

/// A gateway that answers, and where to begin there.
struct Meeting {
    client: Client,
    place: String,
    session: String,
}

impl Meeting {
    /// The first connection is made before the terminal is taken, so that what is wrong can be read and copied.
    async fn begin(invocation: &Invocation, flags: &TuiFlags) -> Result<Self, Failure> {
        let connected = invocation.connect_as(&Persona::TUI).await;
        let mut client = connected.map_err(|failure| {
            if failure == Failure::not_running() {
                failure.hint(
                    "start it with `torana`, or for as long as you look with `torana tui --local`",
                )
            } else {
                failure
            }
        })?;
        let place = invocation.endpoint()?.origin();
        let session = match (&flags.agent, &flags.session) {
            (Some(agent), _) => format!("agent:{agent}:main"),
            (None, Some(session)) => session.clone(),
            (None, None) => last::find(&invocation.paths.state, &place, &mut client)
                .await
                .unwrap_or_else(|| "main".to_owned()),
        };
        Ok(Self {
            client,
            place,
            session,
        })
    }
}

async fn converse(
    invocation: &Invocation,
    flags: TuiFlags,
    meeting: Meeting,
) -> Result<(), Failure> {
    let Meeting {
        client,
        place,
        session,
    } = meeting;
    let folder = invocation.paths.state.clone();
    let state = State::new(Settings {
        session,
        thinking: flags.thinking,
        history: flags.history_limit.clamp(1, 1_000),
        deliver: flags.deliver,
        timeout_ms: flags.timeout_ms,
        place: place.clone(),
    });
    let mut edge = Edge {
        invocation,
        state,
        screen: Screen::open(&invocation.environment)?,
        shell: None,
        client: None,
        connecting: None,
        asked: HashMap::new(),
        retry_ms: RETRY_MS_MIN,
        heard_ms: 0,
        quiet_ms_max: BEAT_MS_DEFAULT * 2,
    };
    edge.tick();
    edge.take_client(client).await;
    if let Some(message) = flags.message {
        let actions = edge.state.say(&message);
        edge.act(actions).await;
    }
    let ended = edge.turn().await;
    last::keep(&folder, &place, &edge.state.session);
    ended
}

struct Edge<'a> {
    invocation: &'a Invocation,
    state: State,
    screen: Screen,
    shell: Option<Shell>,
    client: Option<Client>,
    connecting: Option<Connecting<'a>>,
    asked: HashMap<u64, Ask>,
    retry_ms: u64,
    /// When the gateway was last heard.
    heard_ms: u64,
    quiet_ms_max: u64,
}

/// What woke the loop.
enum Woken {
    Terminal(Option<std::io::Result<crossterm::event::Event>>),
    Gateway(Result<Incoming, Failure>),
    Connected(Result<Box<Client>, Failure>),
    Ended,
    Time,
}

// === impl Edge ===

impl Edge<'_> {
    async fn turn(&mut self) -> Result<(), Failure> {
        let mut terminal = EventStream::new();
        let mut ends = [
            ending(SignalKind::terminate())?,
            ending(SignalKind::hangup())?,
        ];
        let mut draw_at_ms = 0;
        let mut dirty = true;
        loop {
            let now_ms = self.tick();
            if dirty && now_ms >= draw_at_ms {
                self.state.viewport = self.screen.draw(&self.state)?;
                self.state.scroll = self.state.scroll.min(self.state.viewport.scroll_max);
                let done_ms = self.tick();
                // What is slow to draw is drawn less often, so that keys and frames are never the ones that wait.
                draw_at_ms = done_ms + FRAME_MS.max(done_ms.saturating_sub(now_ms));
                dirty = false;
            }
            // A command that runs here is looked at as often as the screen is drawn.
            let wait_ms = if dirty || self.shell.is_some() {
                FRAME_MS
            } else {
                TICK_MS
            };
            let woken = self.wait(&mut terminal, &mut ends, wait_ms).await;
            self.look_at_shell();
            dirty = true;
            let actions = match woken {
                Woken::Terminal(Some(Ok(event))) => self.state.terminal(event),
                // The terminal is gone, and with it whoever looked at it.
                Woken::Terminal(Some(Err(_)) | None) | Woken::Ended => return Ok(()),
                Woken::Gateway(Ok(incoming)) => self.take(incoming),
                Woken::Gateway(Err(failure)) => {
                    self.lose(&failure);
                    Vec::new()
                }
                Woken::Connected(Ok(client)) => {
                    self.take_client(*client).await;
                    Vec::new()
                }
                Woken::Connected(Err(failure)) => {
                    self.lose(&failure);
                    Vec::new()
                }
                Woken::Time => {
                    self.look_at_clock();
                    Vec::new()
                }
            };
            if self.act(actions).await {
                if let Some(client) = self.client.take() {
                    client.close().await;
                }
                return Ok(());
            }
        }
    }

    async fn wait(
        &mut self,
        terminal: &mut EventStream,
        ends: &mut [Signal; 2],
        wait_ms: u64,
    ) -> Woken {
        let [terminate, hangup] = ends;
        let (client, connecting) = (&mut self.client, &mut self.connecting);
        tokio::select! {
            biased;
            event = terminal.next() => Woken::Terminal(event),
            _ = terminate.recv() => Woken::Ended,
            _ = hangup.recv() => Woken::Ended,
            incoming = heard(client) => Woken::Gateway(incoming),
            connected = tried(connecting) => {
                self.connecting = None;
                Woken::Connected(connected.map(Box::new))
            }
            () = self.invocation.world.sleep_ms(wait_ms) => Woken::Time,
        }
    }

    /// Tells the state the time, and gives it keys for what will be said.
    fn tick(&mut self) -> u64 {
        let world = &self.invocation.world;
        let now_ms = world.monotonic_ms();
        self.state.tick(now_ms, world.wall_ms());
        while self.state.keys.len() < KEYS_AHEAD {
            self.state.keys.push(world.uuid());
        }
        now_ms
    }

    fn look_at_clock(&mut self) {
        let now_ms = self.state.now_ms;
        if self.client.is_some() && now_ms.saturating_sub(self.heard_ms) > self.quiet_ms_max {
            self.lose(&Failure::new(Exit::Unreachable, "the gateway fell silent"));
        }
        if let super::state::Link::Down {
            retry_at_ms: Some(at_ms),
            ..
        } = &self.state.link
            && now_ms >= *at_ms
            && self.connecting.is_none()
        {
            self.reconnect();
        }
    }

    /// Stops the program as other programs stop on Ctrl-Z. What the gateway said meanwhile is read afterwards.
    fn suspend(&mut self) {
        if let Err(error) = self.screen.suspend() {
            self.state
                .log
                .error(format!("cannot be put aside: {error}"));
        }
        // Silence while nobody listened says nothing about the gateway.
        self.tick();
        self.heard_ms = self.state.now_ms;
    }

    fn run_here(&mut self, command: &str) {
        let program = self.invocation.environment.get("SHELL");
        match Shell::start(program.unwrap_or("/bin/sh"), command) {
            Ok(shell) => self.shell = Some(shell),
            Err(error) => self.shell_ended(&not_run(&error)),
        }
    }

    fn look_at_shell(&mut self) {
        let looked = self.shell.as_mut().map(Shell::look);
        match looked {
            None | Some(Ok(None)) => {}
            Some(Ok(Some(ended))) => self.shell_ended(&ended),
            Some(Err(error)) => self.shell_ended(&not_run(&error)),
        }
    }

    fn shell_ended(&mut self, ended: &Ended) {
        self.shell = None;
        self.state.shell_ended(ended);
    }

    fn reconnect(&mut self) {
        if self.client.is_none() && self.connecting.is_none() {
            let invocation = self.invocation;
            self.connecting = Some(Box::pin(invocation.connect_as(&Persona::TUI)));
        }
    }

    async fn take_client(&mut self, client: Client) {
        self.retry_ms = RETRY_MS_MIN;
        self.heard_ms = self.state.now_ms;
        let beat_ms = client.hello()["policy"]["tickIntervalMs"].as_u64();
        self.quiet_ms_max = beat_ms.unwrap_or(BEAT_MS_DEFAULT).saturating_mul(2);
        let actions = self.state.connected(client.hello());
        self.client = Some(client);
        self.act(actions).await;
    }

    fn lose(&mut self, failure: &Failure) {
        self.client = None;
        self.asked.clear();
        // Asking again changes nothing when one does not believe the other; it may once somebody approved the device.
        let retry_at_ms = match failure.reason {
            Reason::Refused | Reason::Untrusted | Reason::TokenStale => None,
            Reason::Other | Reason::NotOffered | Reason::PairingRequired => {
                Some(self.state.now_ms.saturating_add(self.retry_ms))
            }
        };
        self.retry_ms = self.retry_ms.saturating_mul(2).min(RETRY_MS_MAX);
        self.state
            .lost(&failure.message, failure.hint.as_deref(), retry_at_ms);
    }

    fn take(&mut self, incoming: Incoming) -> Vec<Action> {
        self.heard_ms = self.state.now_ms;
        match incoming {
            Incoming::Event(name, payload) => self.state.event(&name, payload),
            Incoming::Answer { id, outcome } => match self.asked.remove(&id) {
                Some(ask) => self.state.answered(ask, outcome),
                None => Vec::new(),
            },
        }
    }

    /// Does what the state wants. True when it wants to leave.
    async fn act(&mut self, actions: Vec<Action>) -> bool {
        for action in actions {
            match action {
                Action::Leave => return true,
                Action::Reconnect => self.reconnect(),
                Action::Suspend => self.suspend(),
                Action::Shell(command) => self.run_here(&command),
                Action::StopShell => {
                    if let Some(shell) = &mut self.shell {
                        shell.stop();
                    }
                }
                Action::Ask {
                    ask,
                    method,
                    params,
                } => self.ask(ask, method, params).await,
            }
        }
        false
    }

    async fn ask(&mut self, ask: Ask, method: &str, params: Value) {
        let Some(client) = &mut self.client else {
            let failure = Failure::failed("there is no connection to the gateway");
            // Only what was asked for by hand is told; its answer can ask for nothing more.
            drop(self.state.answered(ask, Err(failure)));
            return;
        };
        match tokio::time::timeout(WRITE_MAX, client.request(method, params)).await {
            Ok(Ok(id)) => {
                if self.asked.len() >= ASKED_MAX
                    && let Some(oldest) = self.asked.keys().min().copied()
                {
                    self.asked.remove(&oldest);
                }
                self.asked.insert(id, ask);
            }
            Ok(Err(failure)) => self.lose(&failure),
            Err(_) => self.lose(&Failure::new(
                Exit::Unreachable,
                "the gateway takes nothing any more",
            )),
        }
    }
}

/// A command that did not begin, or cannot be followed.
fn not_run(error: &std::io::Error) -> Ended {
    Ended {
        output: String::new(),
        is_cut: false,
        how: format!("it cannot be run: {error}"),
    }
}

fn ending(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::failed(format!("cannot wait for signals: {error}")))
}

/// The next frame; never, without a connection.
async fn heard(client: &mut Option<Client>) -> Result<Incoming, Failure> {
    match client {
        Some(client) => client.next().await,
        None => std::future::pending().await,
    }
}

/// The outcome of an attempt; never, without one.
async fn tried(connecting: &mut Option<Connecting<'_>>) -> Result<Client, Failure> {
    match connecting {
        Some(connecting) => connecting.as_mut().await,
        None => std::future::pending().await,
    }
}
