//! The way out: one attempt per call, with everything that can happen on the way.

use std::sync::Arc;

use torana_core::message::{Operation, Receipt};
use torana_core::port::{
    AccountIdentity, BoxFuture, ChannelLimits, Connect, ReceiveFailure, SendFailure, Transmit,
};

use super::fault::Faults;
use super::state::Platform;
use crate::dice::Dice;
use crate::process::Link;

/// Longer than the gateway waits for one request.
const STALL_MS: u64 = 70_000;
/// A preview whose answer takes longer than this may be given up by the run it belongs to.
const TOLD_MS_MAX: u64 = 9_000;

pub(super) struct ScriptedTransmit {
    platform: Arc<Platform>,
    limits: ChannelLimits,
    faults: Faults,
    link: Link,
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    Limited {
        after_ms: Option<u64>,
        whole_account: bool,
    },
    Refused,
    RequestLost,
    AnswerLost,
    Stalls,
    Rejected,
    Markup,
    Gone,
}

impl ScriptedTransmit {
    pub(super) fn new(
        platform: Arc<Platform>,
        limits: ChannelLimits,
        faults: Faults,
        link: Link,
    ) -> Self {
        Self {
            platform,
            limits,
            faults,
            link,
        }
    }

    fn fate(&self, dice: &mut Dice, operation: &Operation) -> Fate {
        let faults = &self.faults;
        if dice.chance(faults.limited) {
            return Fate::Limited {
                after_ms: Some(dice.between(200, 20_000)),
                whole_account: dice.chance(200),
            };
        }
        if dice.chance(faults.limited_silently) {
            return Fate::Limited {
                after_ms: None,
                whole_account: false,
            };
        }
        let with_markup = matches!(
            operation,
            Operation::Text { plain: false, .. } | Operation::Edit { plain: false, .. }
        );
        let edits = matches!(operation, Operation::Edit { .. });
        for (chance, applies, fate) in [
            (faults.refused, true, Fate::Refused),
            (faults.request_lost, true, Fate::RequestLost),
            (faults.answer_lost, true, Fate::AnswerLost),
            (faults.stalled, true, Fate::Stalls),
            (faults.rejected, true, Fate::Rejected),
            (faults.markup, with_markup, Fate::Markup),
            (faults.gone, edits, Fate::Gone),
        ] {
            if dice.chance(chance) && applies {
                return fate;
            }
        }
        Fate::Arrives
    }

    fn inspect(&self, operation: &Operation) {
        let text = match operation {
            Operation::Text { text, plain, .. } | Operation::Edit { text, plain, .. } => {
                if *plain {
                    &text.plain
                } else {
                    &text.markup
                }
            }
            Operation::Draft { text, .. } => &text.markup,
            Operation::Delete { .. } | Operation::Typing { .. } => return,
        };
        if text.trim().is_empty() {
            self.platform
                .complain(format!("an empty message: {operation:?}"));
        }
        let units = self.limits.text.unit.measure(text);
        // The note on late replies is added after cutting; the limits of this platform leave room for it.
        if units > self.limits.text.max_units {
            self.platform.complain(format!(
                "a message of {units} units, allowed are {}",
                self.limits.text.max_units
            ));
        }
        let unsupported = matches!(operation, Operation::Edit { .. }) && !self.limits.edit;
        if unsupported {
            self.platform
                .complain("an edit, which this platform does not have".to_owned());
        }
    }

    async fn attempt(&self, operation: &Operation, nonce: &str) -> Result<Receipt, SendFailure> {
        let link = &self.link;
        link.process.pass().await;
        self.inspect(operation);
        let (fate, before_ms, after_ms) = link.dice(|dice| {
            let fate = self.fate(dice, operation);
            (
                fate,
                dice.delay_ms(self.faults.delay_ms_max),
                dice.delay_ms(self.faults.delay_ms_max),
            )
        });
        link.clock.sleep_ms(before_ms).await;
        link.process.pass().await;
        let reason = || "scripted".to_owned();
        match fate {
            Fate::Limited {
                after_ms,
                whole_account,
            } => {
                return Err(SendFailure::Retry {
                    after_ms,
                    limited: true,
                    whole_account,
                    reason: reason(),
                });
            }
            Fate::Refused => {
                return Err(SendFailure::Retry {
                    after_ms: None,
                    limited: false,
                    whole_account: false,
                    reason: reason(),
                });
            }
            Fate::RequestLost => return Err(SendFailure::Unknown { reason: reason() }),
            Fate::Rejected => return Err(SendFailure::Rejected { reason: reason() }),
            Fate::Markup => return Err(SendFailure::Markup { reason: reason() }),
            Fate::Gone => {
                if let Operation::Edit { message_id, .. } = operation {
                    self.platform.delete(message_id);
                }
                return Err(SendFailure::Gone { reason: reason() });
            }
            Fate::Arrives | Fate::AnswerLost | Fate::Stalls => {}
        }
        let receipt = self.platform.carry_out(
            operation,
            nonce,
            self.limits.idempotent,
            link.clock.true_ms(),
        )?;
        link.process.pass().await;
        link.clock
            .sleep_ms(if fate == Fate::Stalls {
                STALL_MS
            } else {
                after_ms
            })
            .await;
        link.process.pass().await;
        if fate != Fate::Arrives {
            return Err(SendFailure::Unknown { reason: reason() });
        }
        if before_ms + after_ms < TOLD_MS_MAX {
            self.platform.told(&receipt, self.link.clock.true_ms());
        }
        Ok(receipt)
    }
}

impl Transmit for ScriptedTransmit {
    fn transmit<'a>(
        &'a self,
        operation: &'a Operation,
        nonce: &'a str,
    ) -> BoxFuture<'a, Result<Receipt, SendFailure>> {
        Box::pin(self.attempt(operation, nonce))
    }
}

impl Connect for ScriptedTransmit {
    fn connect(&self) -> BoxFuture<'_, Result<AccountIdentity, ReceiveFailure>> {
        Box::pin(async move {
            self.link.process.pass().await;
            if self.link.dice(|dice| dice.chance(self.faults.receive)) {
                return Err(ReceiveFailure::Retry {
                    after_ms: None,
                    reason: "the platform is not reachable".to_owned(),
                });
            }
            Ok(AccountIdentity {
                id: "bot".into(),
                username: Some("torana_bot".to_owned()),
                notices: Vec::new(),
            })
        })
    }
}
