//! One run as a stream of events, decided in advance except for what is steered into it.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use torana_core::port::Steer;
use torana_core::run::{FailureKind, Outcome, RunError, RunEvent, Settled, Usage};

use super::stage::Presence;
use super::{Temper, answer, numbers};
use crate::dice::Dice;

/// Pieces of an ordinary answer at most.
const PIECES_MAX: u64 = 12;
/// Words of a long answer at most: several messages on every platform.
const WORDS_MAX: u64 = 1_500;
/// A message with this word makes the agent panic every time.
const POISON: &str = "POISON";

/// The ear of a running turn.
#[derive(Default)]
pub(super) struct Listening {
    heard: Mutex<Option<BTreeSet<u64>>>,
}

impl Listening {
    fn lock(&self) -> MutexGuard<'_, Option<BTreeSet<u64>>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self) {
        *self.lock() = Some(BTreeSet::new());
    }

    /// Ends listening and says what was heard.
    fn close(&self) -> BTreeSet<u64> {
        self.lock().take().unwrap_or_default()
    }
}

impl Steer for Listening {
    fn steer(&self, text: &str) -> bool {
        match self.lock().as_mut() {
            Some(heard) => {
                heard.extend(numbers(text));
                true
            }
            None => false,
        }
    }
}

enum Act {
    Say(RunEvent),
    Panic,
    Hang,
    Finish(Outcome),
}

/// A run that plays its script.
pub(super) struct ScriptedRun {
    script: VecDeque<(u64, Act)>,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    text: String,
    listening: Arc<Listening>,
    presence: Option<Presence>,
}

impl ScriptedRun {
    pub(super) fn new(
        input: &str,
        seen: BTreeSet<u64>,
        temper: Temper,
        dice: &mut Dice,
        listening: Arc<Listening>,
        presence: Presence,
    ) -> Self {
        let mut script = VecDeque::new();
        let mut act =
            |dice: &mut Dice, act: Act| script.push_back((dice.delay_ms(temper.pause_ms_max), act));
        let outcome = outcome(temper, dice);
        act(
            dice,
            Act::Say(RunEvent::Model {
                provider: "scripted".to_owned(),
                model: "one".to_owned(),
            }),
        );
        let pieces = match outcome {
            Outcome::Empty => Vec::new(),
            _ => pieces(&seen, temper, dice),
        };
        let breaks_at = dice.below(pieces.len() as u64 + 1);
        let (panics, hangs) = (
            input.contains(POISON) || dice.chance(temper.panic),
            dice.chance(temper.hang),
        );
        for (index, piece) in (0..).zip(pieces) {
            if index == breaks_at && panics {
                act(dice, Act::Panic);
            }
            if index == breaks_at && hangs {
                act(dice, Act::Hang);
            }
            match dice.below(12) {
                0 => act(dice, Act::Say(RunEvent::ThinkingDelta("hm".to_owned()))),
                1 => act(dice, Act::Say(tool())),
                2 => act(dice, Act::Say(RunEvent::Progress)),
                _ => {}
            }
            act(dice, Act::Say(RunEvent::TextDelta(piece)));
        }
        if panics {
            act(dice, Act::Panic);
        }
        act(dice, Act::Finish(outcome));
        Self {
            script,
            pause: None,
            text: String::new(),
            listening,
            presence: Some(presence),
        }
    }

    /// The end: what was steered in is answered too, and nobody is heard any more.
    fn settled(&mut self, outcome: Outcome) -> Settled {
        let heard = self.listening.close();
        let mut text = std::mem::take(&mut self.text);
        for number in heard {
            text.push_str(&format!("\n{}", answer(number)));
        }
        let error = matches!(outcome, Outcome::Error | Outcome::Refused).then(|| RunError {
            kind: FailureKind::Unavailable,
            message: "the scripted agent failed".to_owned(),
            status: None,
        });
        let text = if error.is_some() { String::new() } else { text };
        self.presence = None;
        Settled {
            outcome: if text.is_empty() && error.is_none() {
                Outcome::Empty
            } else {
                outcome
            },
            text,
            error,
            usage: Usage {
                input: 3,
                output: 5,
                ..Usage::default()
            },
            provider: Some("scripted".to_owned()),
            model: Some("one".to_owned()),
            calls: Vec::new(),
        }
    }
}

fn outcome(temper: Temper, dice: &mut Dice) -> Outcome {
    if dice.chance(temper.error) {
        dice.pick(&[Outcome::Error, Outcome::Refused])
    } else if dice.chance(temper.silent) {
        Outcome::Empty
    } else {
        dice.pick(&[Outcome::Ok, Outcome::Ok, Outcome::Ok, Outcome::Length])
    }
}

fn tool() -> RunEvent {
    RunEvent::ToolStarted {
        id: "t1".to_owned(),
        name: "look".to_owned(),
        arguments: "{}".to_owned(),
    }
}

fn pieces(seen: &BTreeSet<u64>, temper: Temper, dice: &mut Dice) -> Vec<String> {
    let mut pieces: Vec<String> = seen
        .iter()
        .map(|number| format!("{} ", answer(*number)))
        .collect();
    let long = dice.chance(temper.long);
    let mut words = if long {
        dice.between(200, WORDS_MAX)
    } else {
        dice.below(30)
    };
    let count = dice.between(1, PIECES_MAX);
    for _ in 0..count {
        let take = words / count + 1;
        let mut piece = String::new();
        for _ in 0..take.min(words) {
            piece.push_str(dice.pick(&[
                "and ",
                "so ",
                "**bold** ",
                "`code` ",
                "a<b&c ",
                "line\n",
                "ünï ",
                "🦀 ",
            ]));
        }
        words = words.saturating_sub(take);
        if !piece.is_empty() {
            pieces.push(piece);
        }
    }
    pieces
}

impl Stream for ScriptedRun {
    type Item = RunEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<RunEvent>> {
        let this = &mut *self;
        let Some((delay_ms, act)) = this.script.front() else {
            return Poll::Ready(None);
        };
        if *delay_ms > 0 && this.pause.is_none() {
            this.pause = Some(Box::pin(tokio::time::sleep(Duration::from_millis(
                *delay_ms,
            ))));
        }
        if let Some(pause) = &mut this.pause {
            std::task::ready!(pause.as_mut().poll(context));
        }
        if matches!(act, Act::Hang) {
            // Nobody wakes this task again but the watchdog of the run.
            return Poll::Pending;
        }
        this.pause = None;
        let Some((_, act)) = this.script.pop_front() else {
            return Poll::Ready(None);
        };
        Poll::Ready(match act {
            Act::Say(event) => {
                if let RunEvent::TextDelta(piece) = &event {
                    this.text.push_str(piece);
                }
                Some(event)
            }
            // Unwinds like any panic, without writing to the error output of a test.
            Act::Panic => std::panic::resume_unwind(Box::new("the scripted agent panicked")),
            Act::Finish(outcome) => {
                this.script.clear();
                Some(RunEvent::Settled(this.settled(outcome)))
            }
            Act::Hang => None,
        })
    }
}

impl Drop for ScriptedRun {
    fn drop(&mut self) {
        self.listening.close();
    }
}
