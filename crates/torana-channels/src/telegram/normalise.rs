//! From an update to an [`Inbound`]: what was said, where, by whom, and how it is addressed to us.
//!
//! Every update becomes an inbound, also those we do not act on: they are recorded as [`InboundKind::Other`] (S-032).

use std::sync::Arc;

use torana_core::id::{AccountId, ChannelId};
use torana_core::message::{
    Attachment, Conversation, Inbound, InboundKind, Peer, PeerKind, Quote, Sender,
};

use super::entity::{self, Own};
use super::wire::{Chat, Media, Message, Origin, RepliedMessage, Update, User};

/// The topic that every forum has. It is sent to by leaving the topic out.
pub(super) const GENERAL_TOPIC: &str = "1";
/// Marks a topic of a channel's direct messages, which Telegram counts apart from forum topics.
pub(super) const DIRECT_TOPIC_PREFIX: &str = "dm";
/// Characters of a quoted text that are kept: enough to know what is meant, as long replies are quoted whole.
const QUOTE_CHARS_MAX: usize = 1000;
/// Dates above this are milliseconds already (an emulator's habit); as seconds it would be the year 5138.
const SECONDS_MAX: i64 = 100_000_000_000;

/// What is the same for every update of an account.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) channel: ChannelId,
    pub(super) account: AccountId,
    /// The bot id in the token.
    pub(super) platform_account: Arc<str>,
}

/// Translates one update.
pub(super) fn normalise(update: Update, scope: &Scope, own: &Own, now_ms: i64) -> Inbound {
    let id = update.update_id;
    if let Some(message) = update.message.or(update.channel_post) {
        return message_inbound(id, InboundKind::Message, *message, scope, own, now_ms);
    }
    if let Some(message) = update.edited_message.or(update.edited_channel_post) {
        return message_inbound(id, InboundKind::Edit, *message, scope, own, now_ms);
    }
    let mut event = Event::default();
    if let Some(query) = update.callback_query {
        event.name = "callback_query";
        event.sender = Some(sender_of_user(&query.from, own));
        if let Some(message) = query.message {
            event.message_id = Some(message.message_id);
            event.chat = Some(message.chat);
        }
    } else if let Some(reaction) = update.message_reaction {
        event.name = "message_reaction";
        event.message_id = Some(reaction.message_id);
        event.sender = match (&reaction.user, &reaction.actor_chat) {
            (Some(user), _) => Some(sender_of_user(user, own)),
            (None, Some(chat)) => Some(sender_of_chat(chat)),
            (None, None) => None,
        };
        event.date = reaction.date;
        event.chat = Some(reaction.chat);
    } else if let Some(member) = update.my_chat_member {
        event.name = "my_chat_member";
        event.detail = member.new_chat_member.map(|member| member.status);
        event.sender = Some(sender_of_user(&member.from, own));
        event.date = member.date;
        event.chat = Some(member.chat);
    } else if let Some(answer) = update.poll_answer {
        event.name = "poll_answer";
        event.sender = match (&answer.user, &answer.voter_chat) {
            (Some(user), _) => Some(sender_of_user(user, own)),
            (None, Some(chat)) => Some(sender_of_chat(chat)),
            (None, None) => None,
        };
    }
    event.into_inbound(id, scope, now_ms)
}

/// An update of which nothing but the id could be read.
pub(super) fn unreadable(update_id: i64, scope: &Scope, now_ms: i64) -> Inbound {
    Event {
        name: "unreadable update",
        ..Event::default()
    }
    .into_inbound(update_id, scope, now_ms)
}

/// An update that is recorded and not acted on.
struct Event {
    name: &'static str,
    detail: Option<String>,
    chat: Option<Chat>,
    sender: Option<Sender>,
    message_id: Option<i64>,
    date: i64,
}

impl Default for Event {
    fn default() -> Self {
        Self {
            name: "update of another kind",
            detail: None,
            chat: None,
            sender: None,
            message_id: None,
            date: 0,
        }
    }
}

impl Event {
    fn into_inbound(self, update_id: i64, scope: &Scope, now_ms: i64) -> Inbound {
        let sender = self.sender.unwrap_or_else(|| nobody(self.chat.as_ref()));
        let peer = match &self.chat {
            Some(chat) => peer(chat),
            None => Peer {
                kind: PeerKind::Direct,
                id: Arc::clone(&sender.id),
            },
        };
        let text = match &self.detail {
            Some(detail) => format!("{}: {detail}", self.name),
            None => self.name.to_owned(),
        };
        Inbound {
            event_id: event_id(
                update_id,
                self.chat.as_ref().map(|chat| chat.id),
                self.message_id,
            ),
            platform_account: Arc::clone(&scope.platform_account),
            kind: InboundKind::Other,
            title: self.chat.as_ref().and_then(title),
            conversation: Conversation {
                channel: scope.channel.clone(),
                account: scope.account.clone(),
                peer,
                thread: None,
            },
            sender,
            message_id: self.message_id.map(|id| id.to_string()),
            text,
            addressed: Default::default(),
            quote: None,
            attachments: Vec::new(),
            forwarded_from: None,
            album: None,
            sent_at_ms: sent_at_ms(self.date, now_ms),
        }
    }
}

/// Update id plus chat id plus message id: a renumbered update is new, a redelivered one is not (decision 6).
fn event_id(update_id: i64, chat_id: Option<i64>, message_id: Option<i64>) -> String {
    match (chat_id, message_id) {
        (Some(chat), Some(message)) => format!("{update_id}:{chat}:{message}"),
        (Some(chat), None) => format!("{update_id}:{chat}"),
        (None, _) => update_id.to_string(),
    }
}

fn message_inbound(
    update_id: i64,
    kind: InboundKind,
    message: Message,
    scope: &Scope,
    own: &Own,
    now_ms: i64,
) -> Inbound {
    let sender = message_sender(&message, own);
    let attachments = attachments(&message.media);
    let service = service_event(&message, &attachments);
    let reply = message
        .reply_to_message
        .as_deref()
        .filter(|reply| !is_topic_start(reply, &message));
    let reply_to_us = reply
        .and_then(|reply| reply.from.as_ref())
        .is_some_and(|user| own.is(user.id))
        || external_author(&message).is_some_and(|user| own.is(user.id));
    let quote = quote(&message, reply);
    let thread = thread(&message);
    let event_id = event_id(update_id, Some(message.chat.id), Some(message.message_id));
    let date = if kind == InboundKind::Edit {
        message.edit_date.unwrap_or(message.date)
    } else {
        message.date
    };
    let (text, entities) = match (message.text, message.caption) {
        (Some(text), _) => (text, message.entities),
        (None, Some(caption)) => (caption, message.caption_entities),
        (None, None) => (String::new(), None),
    };
    let mut reading = entity::read(text, entities.as_deref().unwrap_or_default(), own);
    reading.addressed.reply_to_us = reply_to_us;
    let (kind, text) = match service {
        Some(event) => (InboundKind::Other, event.to_owned()),
        None => (kind, reading.text),
    };
    Inbound {
        event_id,
        platform_account: Arc::clone(&scope.platform_account),
        kind,
        conversation: Conversation {
            channel: scope.channel.clone(),
            account: scope.account.clone(),
            peer: peer(&message.chat),
            thread,
        },
        title: title(&message.chat),
        sender,
        message_id: Some(message.message_id.to_string()),
        text,
        addressed: reading.addressed,
        quote,
        attachments,
        forwarded_from: message.forward_origin.as_ref().and_then(origin_name),
        album: message.media_group_id,
        sent_at_ms: sent_at_ms(date, now_ms),
    }
}

fn sent_at_ms(date: i64, now_ms: i64) -> i64 {
    match date {
        ..=0 => now_ms,
        1..=SECONDS_MAX => date * 1000,
        _ => date,
    }
}

fn peer(chat: &Chat) -> Peer {
    let kind = match chat.kind.as_str() {
        "private" => PeerKind::Direct,
        "group" | "supergroup" => PeerKind::Group,
        "channel" => PeerKind::Channel,
        // A kind yet unknown: only people have positive ids, and a group is gated more strictly than a direct chat.
        _ if chat.id > 0 => PeerKind::Direct,
        _ => PeerKind::Group,
    };
    Peer {
        kind,
        id: Arc::from(chat.id.to_string()),
    }
}

fn title(chat: &Chat) -> Option<String> {
    chat.title.clone().filter(|title| !title.is_empty())
}

/// Forum topics, topics in private chats, and topics of a channel's direct messages. Reply threads of ordinary groups are
/// no places of their own.
fn thread(message: &Message) -> Option<Arc<str>> {
    if let Some(topic) = &message.direct_messages_topic {
        return Some(Arc::from(format!(
            "{DIRECT_TOPIC_PREFIX}{}",
            topic.topic_id
        )));
    }
    match message.message_thread_id {
        Some(id) if message.is_topic_message || message.chat.is_forum => {
            Some(Arc::from(id.to_string()))
        }
        None if message.chat.is_forum && message.chat.kind != "private" => {
            Some(Arc::from(GENERAL_TOPIC))
        }
        _ => None,
    }
}

/// In a topic each message formally answers the one that opened it; that is no reply a person made.
fn is_topic_start(reply: &RepliedMessage, message: &Message) -> bool {
    reply.media.forum_topic_created.is_some()
        || (message.is_topic_message && message.message_thread_id == Some(reply.message_id))
}

fn message_sender(message: &Message, own: &Own) -> Sender {
    match (&message.sender_chat, &message.from) {
        // Anonymous admins and channels write as a chat; the user beside it is a placeholder of the platform.
        (Some(chat), _) => {
            let mut sender = sender_of_chat(chat);
            if let (Some(display), Some(signature)) = (&sender.display, &message.author_signature) {
                sender.display = Some(format!("{display} ({signature})"));
            }
            sender
        }
        (None, Some(user)) => sender_of_user(user, own),
        (None, None) => nobody(Some(&message.chat)),
    }
}

fn sender_of_user(user: &User, own: &Own) -> Sender {
    Sender {
        id: Arc::from(user.id.to_string()),
        username: user.username.clone(),
        display: Some(user_name(user)).filter(|name| !name.is_empty()),
        is_bot: user.is_bot,
        is_self: own.is(user.id),
    }
}

fn sender_of_chat(chat: &Chat) -> Sender {
    Sender {
        id: Arc::from(chat.id.to_string()),
        username: chat.username.clone(),
        display: chat_name(chat),
        is_bot: false,
        is_self: false,
    }
}

/// The sender of an update that names none. The chat stands in; without a chat an id that no user has.
fn nobody(chat: Option<&Chat>) -> Sender {
    match chat {
        Some(chat) => sender_of_chat(chat),
        None => Sender {
            id: Arc::from("0"),
            username: None,
            display: None,
            is_bot: false,
            is_self: false,
        },
    }
}

fn user_name(user: &User) -> String {
    match &user.last_name {
        Some(last) if !last.is_empty() => format!("{} {last}", user.first_name),
        _ => user.first_name.clone(),
    }
}

fn chat_name(chat: &Chat) -> Option<String> {
    chat.title
        .clone()
        .or_else(|| chat.first_name.clone())
        .filter(|name| !name.is_empty())
}

fn external_author(message: &Message) -> Option<&User> {
    message
        .external_reply
        .as_ref()?
        .origin
        .as_ref()?
        .sender_user
        .as_ref()
}

fn origin_name(origin: &Origin) -> Option<String> {
    if let Some(user) = &origin.sender_user {
        return Some(user_name(user));
    }
    if let Some(name) = &origin.sender_user_name {
        return Some(name.clone());
    }
    let chat = origin.sender_chat.as_ref().or(origin.chat.as_ref())?;
    chat_name(chat).or_else(|| Some(chat.id.to_string()))
}

fn quote(message: &Message, reply: Option<&RepliedMessage>) -> Option<Quote> {
    let sender = match (reply, &message.external_reply) {
        (Some(reply), _) => match (&reply.sender_chat, &reply.from) {
            (Some(chat), _) => chat_name(chat),
            (None, Some(user)) => Some(user_name(user)),
            (None, None) => None,
        },
        (None, Some(external)) => external.origin.as_ref().and_then(origin_name),
        (None, None) => return None,
    };
    // What a person marked as the quote says more than the whole message.
    let marked = message
        .quote
        .as_ref()
        .map(|quote| quote.text.as_str())
        .filter(|text| !text.is_empty());
    let whole = || reply.and_then(|reply| reply.text.as_deref().or(reply.caption.as_deref()));
    let text = match marked.or_else(whole) {
        Some(text) => shorten(text),
        None => reply
            .and_then(|reply| attachments(&reply.media).into_iter().next())
            .map(|media| format!("[{}]", media.kind))?,
    };
    Some(Quote {
        sender: sender.unwrap_or_else(|| "unknown".to_owned()),
        text,
    })
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What came with the text (decision 53).
fn attachments(media: &Media) -> Vec<Attachment> {
    let mut found = Vec::new();
    let mut add = |kind: &str, name: Option<String>, size_bytes: Option<u64>| {
        found.push(Attachment {
            kind: kind.to_owned(),
            name: name.filter(|name| !name.is_empty()),
            size_bytes,
        });
    };
    if let Some(largest) = media
        .photo
        .iter()
        .flatten()
        .max_by_key(|photo| photo.file_size)
    {
        add("photo", None, largest.file_size);
    }
    let files = [
        ("animation", &media.animation),
        ("audio", &media.audio),
        // An animation also arrives as document, for clients that do not know animations.
        (
            "document",
            if media.animation.is_some() {
                &None
            } else {
                &media.document
            },
        ),
        ("live_photo", &media.live_photo),
        ("video", &media.video),
        ("video_note", &media.video_note),
        ("voice", &media.voice),
    ];
    for (kind, file) in files {
        if let Some(file) = file {
            add(
                kind,
                file.title.clone().or_else(|| file.file_name.clone()),
                file.file_size,
            );
        }
    }
    if let Some(sticker) = &media.sticker {
        add("sticker", sticker.emoji.clone(), sticker.file_size);
    }
    match (&media.venue, &media.location) {
        (Some(venue), _) => add(
            "venue",
            Some(join(", ", &[&venue.title, &venue.address])),
            None,
        ),
        (None, Some(location)) => add(
            "location",
            Some(format!("{}, {}", location.latitude, location.longitude)),
            None,
        ),
        (None, None) => {}
    }
    if let Some(contact) = &media.contact {
        let last_name = contact.last_name.as_deref().unwrap_or_default();
        add(
            "contact",
            Some(join(
                " ",
                &[&contact.first_name, last_name, &contact.phone_number],
            )),
            None,
        );
    }
    let titled = [
        ("poll", &media.poll),
        ("game", &media.game),
        ("invoice", &media.invoice),
        ("checklist", &media.checklist),
    ];
    for (kind, part) in titled {
        if let Some(part) = part {
            add(
                kind,
                part.question.clone().or_else(|| part.title.clone()),
                None,
            );
        }
    }
    if let Some(dice) = &media.dice {
        add("dice", Some(format!("{} {}", dice.emoji, dice.value)), None);
    }
    let marks = [
        ("story", &media.story),
        ("paid_media", &media.paid_media),
        ("giveaway", &media.giveaway),
        ("rich_message", &media.rich_message),
    ];
    for (kind, mark) in marks {
        if mark.is_some() {
            add(kind, None, None);
        }
    }
    found
}

fn join(separator: &str, parts: &[&str]) -> String {
    parts
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join(separator)
}

/// The name of a service event, for messages that nobody wrote.
fn service_event(message: &Message, attachments: &[Attachment]) -> Option<&'static str> {
    if message.text.is_some() || message.caption.is_some() || !attachments.is_empty() {
        return None;
    }
    let media = &message.media;
    let marks = [
        (
            "migrated to a supergroup",
            message.migrate_to_chat_id.is_some(),
        ),
        (
            "migrated from a group",
            message.migrate_from_chat_id.is_some(),
        ),
        ("new_chat_members", media.new_chat_members.is_some()),
        ("left_chat_member", media.left_chat_member.is_some()),
        ("new_chat_title", media.new_chat_title.is_some()),
        ("new_chat_photo", media.new_chat_photo.is_some()),
        ("delete_chat_photo", media.delete_chat_photo.is_some()),
        ("group_chat_created", media.group_chat_created.is_some()),
        (
            "supergroup_chat_created",
            media.supergroup_chat_created.is_some(),
        ),
        ("channel_chat_created", media.channel_chat_created.is_some()),
        ("pinned_message", media.pinned_message.is_some()),
        ("forum_topic_created", media.forum_topic_created.is_some()),
        ("forum_topic_edited", media.forum_topic_edited.is_some()),
        ("forum_topic_closed", media.forum_topic_closed.is_some()),
        ("forum_topic_reopened", media.forum_topic_reopened.is_some()),
        ("video_chat_started", media.video_chat_started.is_some()),
        ("video_chat_ended", media.video_chat_ended.is_some()),
    ];
    marks
        .iter()
        .find(|(_, present)| *present)
        .map(|(name, _)| *name)
        .or(Some("service message"))
}
