//! Which effect each command has.

use torana_core::command::{
    Command, QueueAction, Setting, SettingAction, Who, command_list, help_text,
};
use torana_core::key::{GroupScope, Shape};
use torana_core::message::PeerKind;

use super::effect::{Change, Effect, Says};
use super::overrides::print_queue;
use super::status::status_text;
use super::{manner, model, window};
use crate::engine::Engine;
use crate::session::Work;
use crate::settings::Settings;
use crate::store::inbox::Payload;
use crate::store::session;

/// What a command does and says here, now and for this sender.
pub(super) fn decide(
    engine: &Engine,
    settings: &Settings,
    work: &Work,
    command: &Command,
    owner: bool,
) -> Effect {
    if command.who() == Who::Owner && !owner {
        return Effect::say("Only an owner of this gateway can do that.");
    }
    match command {
        Command::Stop => {
            let busy = engine.shared.sessions.active(&work.session).is_some();
            let text = if busy {
                "Stopped."
            } else {
                "Nothing is running here."
            };
            Effect::say(text).with(Change::Stop)
        }
        Command::New { .. } => Effect::say("A new conversation begins.").with(afresh(engine)),
        Command::Reset { .. } => {
            Effect::say("This conversation starts again.").with(afresh(engine))
        }
        Command::Help => Effect::say(help_text()),
        Command::Commands => Effect::say(command_list()),
        Command::Whoami => Effect::say(whoami(work)),
        Command::Status => Effect::tell(|row, facts| status_text(facts, row)),
        Command::Context(action) => match window::window(engine, settings, work, action) {
            Ok(window) => Effect {
                says: Says::Window(window),
                ..Effect::say("")
            },
            Err(word) => Effect::say(format!(
                "I do not understand `{word}`. Use /context followed by list, detail or json."
            )),
        },
        Command::Model(action) => model::decide(settings, work, action),
        Command::Queue(action) => queue(engine, settings, work, action),
        Command::Setting(Setting::Activation, SettingAction::Set(_))
            if !may_be_group(settings, work) =>
        {
            Effect::say(
                "Here the agent answers every message; only in a group there is something to choose.",
            )
        }
        // What others used is nothing for a whole group to read.
        Command::Setting(setting, action) => {
            let alone = owner && !may_be_group(settings, work);
            manner::decide(*setting, action, alone)
        }
        Command::Compact { focus } => Effect {
            compact: Some(focus.clone()),
            ..Effect::say("Summarising what was said so far; the next answer goes on from there.")
        },
        Command::Unknown { name, .. } => {
            Effect::say(format!("I do not know the command /{name}. Try /help."))
        }
    }
}

/// The session goes on with an empty transcript.
fn afresh(engine: &Engine) -> Change {
    Change::Reset {
        fresh_id: engine.shared.world.uuid(),
    }
}

/// Whether messages of a group reach the session of a command.
fn may_be_group(settings: &Settings, work: &Work) -> bool {
    match work.payload.as_ref() {
        Payload::Channel(inbound) => inbound.conversation.peer.kind != PeerKind::Direct,
        Payload::Client(_) => match work.session.parts().shape {
            Shape::Direct { .. } => false,
            Shape::Main => settings.routing.group_scope == GroupScope::Main,
            _ => true,
        },
    }
}

fn whoami(work: &Work) -> String {
    match work.payload.as_ref() {
        Payload::Channel(inbound) => {
            let place = &inbound.conversation;
            format!(
                "You are `{}:{}` on account `{}`, in {} `{}`.",
                place.channel,
                inbound.sender.id,
                place.account,
                place.peer.kind.as_str(),
                place.peer.id
            )
        }
        Payload::Client(input) => {
            let rights = if input.owner {
                "an operator with all rights"
            } else {
                "an operator"
            };
            format!("You are {rights}, in session `{}`.", work.session)
        }
    }
}

fn queue(engine: &Engine, settings: &Settings, work: &Work, action: &QueueAction) -> Effect {
    let channel = work.place().0;
    match action {
        QueueAction::Show => {
            let policy = engine.policy(settings, &work.session, channel.as_str(), None);
            Effect::say(format!(
                "Messages during an answer: {}; up to {} may wait.",
                policy.mode.as_str(),
                policy.cap
            ))
        }
        QueueAction::Invalid { word } => Effect::say(format!(
            "I do not understand `{word}`. Use /queue followed by steer, followup, collect or interrupt."
        )),
        QueueAction::Reset => {
            let change = session::Change {
                queue_mode: Some(None),
                ..session::Change::default()
            };
            Effect {
                queue: Some(None),
                ..Effect::say("This conversation uses the configured queue settings again.")
                    .with(Change::Session(change))
            }
        }
        QueueAction::Set(wanted) => {
            let mut merged = engine
                .overrides()
                .queue_of(&work.session)
                .unwrap_or_default();
            merged.mode = wanted.mode.or(merged.mode);
            merged.debounce_ms = wanted.debounce_ms.or(merged.debounce_ms);
            merged.cap = wanted.cap.or(merged.cap);
            merged.drop = wanted.drop.or(merged.drop);
            let stored = print_queue(&merged);
            let change = session::Change {
                queue_mode: Some(Some(stored.clone())),
                ..session::Change::default()
            };
            Effect {
                queue: Some(Some(merged)),
                ..Effect::say(format!("Messages during an answer: {stored}."))
                    .with(Change::Session(change))
            }
        }
    }
}
