//! The part of Bot API 10.1 that we read and write, by hand (decision 60).
//!
//! Incoming types require only what cannot be done without and ignore the rest, so that newer servers, emulators and odd
//! field values never cost a message. Outgoing types are checked against the API's schema in `tests`.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The update kinds we ask for. Explicit, because the server's default leaves some out and remembers the last list.
pub(super) const ALLOWED_UPDATES: &[&str] = &[
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "message_reaction",
    "my_chat_member",
    "poll_answer",
];

/// Reads a value, or nothing when it has another shape than expected: an optional part never spoils the whole.
fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

// === Answers ===

/// The envelope of every answer.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    pub(super) ok: bool,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) error_code: Option<u16>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) parameters: Option<ResponseParameters>,
}

/// What an error answer says about what to do next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct ResponseParameters {
    /// Seconds.
    pub(super) retry_after: Option<u64>,
    pub(super) migrate_to_chat_id: Option<i64>,
}

/// A sent message, of which we only need the id.
#[derive(Debug, Deserialize)]
pub(super) struct SentMessage {
    pub(super) message_id: i64,
}

/// The answer to `getMe`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Me {
    pub(super) id: i64,
    pub(super) username: Option<String>,
    pub(super) can_read_all_group_messages: Option<bool>,
}

// === Updates ===

/// One update. Exactly one of the optional parts is present; kinds we do not know leave all of them empty.
#[derive(Debug, Deserialize)]
pub(super) struct Update {
    pub(super) update_id: i64,
    #[serde(default)]
    pub(super) message: Option<Box<Message>>,
    #[serde(default)]
    pub(super) edited_message: Option<Box<Message>>,
    #[serde(default)]
    pub(super) channel_post: Option<Box<Message>>,
    #[serde(default)]
    pub(super) edited_channel_post: Option<Box<Message>>,
    #[serde(default)]
    pub(super) callback_query: Option<Box<CallbackQuery>>,
    #[serde(default)]
    pub(super) message_reaction: Option<Box<Reaction>>,
    #[serde(default)]
    pub(super) my_chat_member: Option<Box<MemberUpdate>>,
    #[serde(default)]
    pub(super) poll_answer: Option<Box<PollAnswer>>,
}

/// The part of an update that is needed even when nothing else can be read.
#[derive(Debug, Deserialize)]
pub(super) struct BareUpdate {
    pub(super) update_id: i64,
}

/// A person or bot.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) is_bot: bool,
    #[serde(default)]
    pub(super) first_name: String,
    #[serde(default)]
    pub(super) last_name: Option<String>,
    #[serde(default)]
    pub(super) username: Option<String>,
}

/// A chat.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Chat {
    pub(super) id: i64,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) username: Option<String>,
    #[serde(default)]
    pub(super) first_name: Option<String>,
    #[serde(default)]
    pub(super) is_forum: bool,
}

/// A message. What only describes media or service events is read leniently, part by part.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) message_id: i64,
    pub(super) chat: Chat,
    #[serde(default)]
    pub(super) date: i64,
    #[serde(default)]
    pub(super) edit_date: Option<i64>,
    #[serde(default)]
    pub(super) from: Option<User>,
    #[serde(default)]
    pub(super) sender_chat: Option<Chat>,
    #[serde(default)]
    pub(super) author_signature: Option<String>,
    #[serde(default)]
    pub(super) message_thread_id: Option<i64>,
    #[serde(default)]
    pub(super) is_topic_message: bool,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) direct_messages_topic: Option<DirectMessagesTopic>,
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) caption: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) entities: Option<Vec<Entity>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) caption_entities: Option<Vec<Entity>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) reply_to_message: Option<Box<RepliedMessage>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) external_reply: Option<ExternalReply>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) quote: Option<TextQuote>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) forward_origin: Option<Origin>,
    #[serde(default)]
    pub(super) media_group_id: Option<String>,
    #[serde(default)]
    pub(super) migrate_to_chat_id: Option<i64>,
    #[serde(default)]
    pub(super) migrate_from_chat_id: Option<i64>,
    #[serde(flatten)]
    pub(super) media: Media,
}

/// The topic of a channel's direct messages.
#[derive(Debug, Deserialize)]
pub(super) struct DirectMessagesTopic {
    pub(super) topic_id: i64,
}

/// A marked stretch of text; offsets count UTF-16 units.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entity {
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) offset: usize,
    #[serde(default)]
    pub(super) length: usize,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) user: Option<User>,
}

/// The message that is answered. Never nested further.
#[derive(Debug, Deserialize)]
pub(super) struct RepliedMessage {
    pub(super) message_id: i64,
    #[serde(default)]
    pub(super) from: Option<User>,
    #[serde(default)]
    pub(super) sender_chat: Option<Chat>,
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) caption: Option<String>,
    #[serde(flatten)]
    pub(super) media: Media,
}

/// A quote from another chat.
#[derive(Debug, Deserialize)]
pub(super) struct ExternalReply {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) origin: Option<Origin>,
}

/// The quoted words.
#[derive(Debug, Deserialize)]
pub(super) struct TextQuote {
    #[serde(default)]
    pub(super) text: String,
}

/// Where a message was first written.
#[derive(Debug, Deserialize)]
pub(super) struct Origin {
    #[serde(default)]
    pub(super) sender_user: Option<User>,
    #[serde(default)]
    pub(super) sender_user_name: Option<String>,
    #[serde(default)]
    pub(super) sender_chat: Option<Chat>,
    #[serde(default)]
    pub(super) chat: Option<Chat>,
}

macro_rules! media {
    ($($(#[$doc:meta])* $field:ident: $type:ty),+ $(,)?) => {
        /// Everything a message can carry besides text, and the marks of service messages.
        #[derive(Debug, Default)]
        pub(super) struct Media { $($(#[$doc])* pub(super) $field: Option<$type>),+ }

        impl<'de> Deserialize<'de> for Media {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = Media;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str("the parts of a message")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Media, A::Error> {
                        let mut media = Media::default();
                        while let Some(key) = map.next_key::<String>()? {
                            match key.as_str() {
                                $(stringify!($field) => {
                                    let value = map.next_value::<serde_json::Value>()?;
                                    media.$field = serde_json::from_value(value).ok();
                                })+
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(media)
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    };
}

media! {
    photo: Vec<File>,
    document: File,
    audio: File,
    voice: File,
    video: File,
    video_note: File,
    animation: File,
    live_photo: File,
    sticker: Sticker,
    location: Location,
    venue: Venue,
    contact: Contact,
    poll: Titled,
    dice: Dice,
    game: Titled,
    invoice: Titled,
    checklist: Titled,
    story: Mark,
    paid_media: Mark,
    giveaway: Mark,
    rich_message: Mark,
    forum_topic_created: Mark,
    new_chat_members: Mark,
    left_chat_member: Mark,
    new_chat_title: Mark,
    new_chat_photo: Mark,
    delete_chat_photo: Mark,
    group_chat_created: Mark,
    supergroup_chat_created: Mark,
    channel_chat_created: Mark,
    pinned_message: Mark,
    forum_topic_edited: Mark,
    forum_topic_closed: Mark,
    forum_topic_reopened: Mark,
    video_chat_started: Mark,
    video_chat_ended: Mark,
}

/// Something whose presence is all we need.
#[derive(Debug)]
pub(super) struct Mark;

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// Any file: all kinds share these fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct File {
    pub(super) file_name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) file_size: Option<u64>,
}

/// A sticker.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sticker {
    pub(super) emoji: Option<String>,
    pub(super) file_size: Option<u64>,
}

/// A point on the map.
#[derive(Debug, Deserialize)]
pub(super) struct Location {
    pub(super) latitude: f64,
    pub(super) longitude: f64,
}

/// A place.
#[derive(Debug, Deserialize)]
pub(super) struct Venue {
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) address: String,
}

/// A shared contact.
#[derive(Debug, Deserialize)]
pub(super) struct Contact {
    #[serde(default)]
    pub(super) first_name: String,
    #[serde(default)]
    pub(super) last_name: Option<String>,
    #[serde(default)]
    pub(super) phone_number: String,
}

/// Something with a title or a question.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Titled {
    pub(super) title: Option<String>,
    pub(super) question: Option<String>,
}

/// A thrown die.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Dice {
    pub(super) emoji: String,
    pub(super) value: i64,
}

/// A pressed button.
#[derive(Debug, Deserialize)]
pub(super) struct CallbackQuery {
    pub(super) from: User,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) message: Option<MessagePlace>,
}

/// Chat and id of a message whose content does not matter, or is not accessible.
#[derive(Debug, Deserialize)]
pub(super) struct MessagePlace {
    pub(super) chat: Chat,
    pub(super) message_id: i64,
}

/// A changed reaction.
#[derive(Debug, Deserialize)]
pub(super) struct Reaction {
    pub(super) chat: Chat,
    pub(super) message_id: i64,
    #[serde(default)]
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) actor_chat: Option<Chat>,
    #[serde(default)]
    pub(super) date: i64,
}

/// Our own membership changed.
#[derive(Debug, Deserialize)]
pub(super) struct MemberUpdate {
    pub(super) chat: Chat,
    pub(super) from: User,
    #[serde(default)]
    pub(super) date: i64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) new_chat_member: Option<Member>,
}

/// A membership.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    #[serde(default)]
    pub(super) status: String,
}

/// A vote in a poll.
#[derive(Debug, Deserialize)]
pub(super) struct PollAnswer {
    #[serde(default)]
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) voter_chat: Option<Chat>,
}

// === Requests ===

/// A chat id: a number, or `@name` of a public channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum ChatId<'a> {
    Number(i64),
    Name(&'a str),
}

impl<'a> From<&'a str> for ChatId<'a> {
    fn from(id: &'a str) -> Self {
        id.parse().map_or(Self::Name(id), Self::Number)
    }
}

/// `getUpdates`.
#[derive(Debug, Serialize)]
pub(super) struct GetUpdates<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<i64>,
    pub(super) limit: u32,
    pub(super) timeout: u64,
    pub(super) allowed_updates: &'a [&'a str],
}

/// `sendMessage`.
#[derive(Debug, Serialize)]
pub(super) struct SendMessage<'a> {
    pub(super) chat_id: ChatId<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_thread_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) direct_messages_topic_id: Option<i64>,
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parse_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link_preview_options: Option<LinkPreviewOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_parameters: Option<ReplyParameters>,
}

/// `editMessageText`.
#[derive(Debug, Serialize)]
pub(super) struct EditMessageText<'a> {
    pub(super) chat_id: ChatId<'a>,
    pub(super) message_id: i64,
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parse_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link_preview_options: Option<LinkPreviewOptions>,
}

/// `deleteMessage`.
#[derive(Debug, Serialize)]
pub(super) struct DeleteMessage<'a> {
    pub(super) chat_id: ChatId<'a>,
    pub(super) message_id: i64,
}

/// `sendChatAction`.
#[derive(Debug, Serialize)]
pub(super) struct SendChatAction<'a> {
    pub(super) chat_id: ChatId<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_thread_id: Option<i64>,
    pub(super) action: &'a str,
}

/// `sendMessageDraft`.
#[derive(Debug, Serialize)]
pub(super) struct SendMessageDraft<'a> {
    pub(super) chat_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_thread_id: Option<i64>,
    pub(super) draft_id: u32,
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parse_mode: Option<&'a str>,
}

/// Which message is answered.
#[derive(Debug, Serialize)]
pub(super) struct ReplyParameters {
    pub(super) message_id: i64,
    /// The answer is worth more than the link to a question that was deleted meanwhile.
    pub(super) allow_sending_without_reply: bool,
}

/// Whether links are previewed.
#[derive(Debug, Serialize)]
pub(super) struct LinkPreviewOptions {
    pub(super) is_disabled: bool,
}

/// `setMyCommands`.
#[derive(Debug, Serialize)]
pub(super) struct SetMyCommands<'a> {
    pub(super) commands: Vec<BotCommand<'a>>,
}

/// One entry of the menu.
#[derive(Debug, Serialize)]
pub(super) struct BotCommand<'a> {
    pub(super) command: &'a str,
    pub(super) description: &'a str,
}

/// `setWebhook`.
#[derive(Debug, Serialize)]
pub(super) struct SetWebhook<'a> {
    pub(super) url: &'a str,
    pub(super) secret_token: &'a str,
    pub(super) allowed_updates: &'a [&'a str],
    pub(super) max_connections: u32,
}

/// A method without parameters, or `deleteWebhook` without dropping what waits.
#[derive(Debug, Serialize)]
pub(super) struct Nothing {}
