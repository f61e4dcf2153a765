//! Sessions and their transcripts.

use torana_core::auth::Scope;

use super::row::{ADMIN, LABEL, NONE, OR_NULL_NAME, READ, WRITE, hidden, row};
use crate::openclaw::methods::{Method, Needs, sessions};
use crate::openclaw::params::{
    COUNT, Field, INT_MAX, Kind, NAME, POSITIVE, Spec, TEXT, absent, closed, may, moot, must, open,
};

/// How a session belongs to a profile; there are none, so nothing fits.
const PROFILE: Kind = Kind::Object(&closed(&[
    must("profileId", NAME),
    must(
        "relationship",
        Kind::Constant(&["owned", "created", "involving"]),
    ),
]));
const SESSIONS_LIST: &[Field] = &[
    may("limit", POSITIVE),
    may("offset", COUNT),
    may("activeMinutes", POSITIVE),
    may("activeOnly", Kind::Bool),
    may("requireLastInteraction", Kind::Bool),
    may(
        "sortBy",
        Kind::Constant(&["updatedAt", "lastInteractionAt", "activity"]),
    ),
    may("includeGlobal", Kind::Bool),
    moot(
        "includeUnknown",
        Kind::Bool,
        "every session is of a known kind",
    ),
    may("excludeSubagents", Kind::Bool),
    may("excludeCron", Kind::Bool),
    may("excludeSystem", Kind::Bool),
    may("configuredAgentsOnly", Kind::Bool),
    may("includeDerivedTitles", Kind::Bool),
    may("includeLastMessage", Kind::Bool),
    moot(
        "includeActivitySummary",
        Kind::Bool,
        "no recap of a session is written",
    ),
    may("label", LABEL),
    may("projectId", NAME),
    may("workspaceDir", NAME),
    may("group", TEXT),
    may("pinned", Kind::Bool),
    may("boardFace", Kind::Constant(&["chat", "dashboard"])),
    may("hasBoard", Kind::Bool),
    may("creatorId", NAME),
    may("ownerId", NAME),
    moot("ownerFirst", Kind::Bool, "all sessions have one owner"),
    may("involvingMe", Kind::Bool),
    may("profileRelation", PROFILE),
    may("involvingProfileId", NAME),
    may("includePeople", Kind::Bool),
    may("spawnedBy", NAME),
    may("agentId", NAME),
    may("search", TEXT),
    may("archived", Kind::OrWord(&Kind::Bool, &["all"])),
];

/// Settings that mean something here. Others of the reference are refused as unexpected, not ignored.
macro_rules! settings {
    ($($before:expr),* $(,)?) => {
        &[
            $($before,)*
            may("label", Kind::OrNull(&LABEL)),
            may("autoLabel", Kind::OrNull(&LABEL)),
            may("icon", Kind::OrNull(&TEXT)),
            may("color", Kind::OrNull(&TEXT)),
            may("category", Kind::OrNull(&LABEL)),
            may("model", OR_NULL_NAME),
            may("thinkingLevel", OR_NULL_NAME),
            may("archived", Kind::Bool),
            may("pinned", Kind::Bool),
            may("unread", Kind::Bool),
            may("verboseLevel", OR_NULL_NAME),
            may("reasoningLevel", OR_NULL_NAME),
            may(
                "responseUsage",
                Kind::OrNull(&Kind::Constant(&["off", "tokens", "full", "on"])),
            ),
            may(
                "sendPolicy",
                Kind::OrNull(&Kind::Constant(&["allow", "deny"])),
            ),
            may(
                "groupActivation",
                Kind::OrNull(&Kind::Constant(&["mention", "always"])),
            ),
            absent(
                "fastMode",
                Kind::OrNull(&Kind::OrWord(&Kind::Bool, &["auto"])),
                "faster service tiers are not available on this gateway",
            ),
        ]
    };
}

const SESSIONS_PATCH: &[Field] = settings![
    must("key", NAME),
    may("agentId", NAME),
    may("expectedSessionId", NAME),
    may("expectedLifecycleRevision", NAME),
    may("expectedMarkedUnreadAt", Kind::OrNull(&Kind::Number)),
    absent(
        "expectedPermissionMode",
        Kind::Any,
        "session changed; sessions have no permission mode here",
    ),
    absent(
        "expectedSandboxMode",
        Kind::Any,
        "session changed; sessions have no sandbox here",
    ),
    absent(
        "expectedNativeRuntimeConsent",
        Kind::Any,
        "session changed; sessions have no native runtime here",
    ),
    absent(
        "expectedToolOverrides",
        Kind::Any,
        "session changed; sessions choose no tools here",
    ),
];

const PATCH_TARGET: Spec = closed(&[
    must("key", NAME),
    may("agentId", NAME),
    may("expectedSessionId", NAME),
    may("expectedLifecycleRevision", NAME),
]);

const PATCH_MUTATION: Spec = closed(settings![]);

const SESSIONS_CREATE: &[Field] = &[
    may("key", NAME),
    may("idempotencyKey", NAME),
    may("agentId", NAME),
    may("label", LABEL),
    may("displayName", Kind::Text(1, 500)),
    may("titleSource", Kind::Text(0, 1000)),
    may("category", LABEL),
    may("model", NAME),
    may("thinkingLevel", NAME),
    may("incognito", Kind::Bool),
    may("visibility", NAME),
    may("parentSessionKey", NAME),
    may("fork", Kind::Bool),
    may("forkFrom", Kind::Constant(&["last-completed"])),
    moot("emitCommandHooks", Kind::Bool, "there are no hooks"),
    may("succeedsParent", Kind::Bool),
    may("timeoutMs", COUNT),
    may("task", TEXT),
    may("message", TEXT),
    may("attachments", Kind::List(&Kind::Any)),
    may("worktree", Kind::Bool),
];

const SESSIONS_SEND: &[Field] = &[
    must("key", NAME),
    must("message", TEXT),
    may("agentId", NAME),
    may("thinking", TEXT),
    may("attachments", Kind::List(&Kind::Any)),
    may("timeoutMs", COUNT),
    may("idempotencyKey", NAME),
];

const SEARCH_SCOPE: Spec = closed(&[
    may("activeMinutes", POSITIVE),
    may("activeOnly", Kind::Bool),
    may("requireLastInteraction", Kind::Bool),
    may(
        "sortBy",
        Kind::Constant(&["updatedAt", "lastInteractionAt", "activity"]),
    ),
    may("includeGlobal", Kind::Bool),
    moot(
        "includeUnknown",
        Kind::Bool,
        "every session is of a known kind",
    ),
    may("excludeSubagents", Kind::Bool),
    may("excludeCron", Kind::Bool),
    may("excludeSystem", Kind::Bool),
    may("configuredAgentsOnly", Kind::Bool),
    may("label", LABEL),
    may("projectId", NAME),
    may("workspaceDir", NAME),
    may("group", TEXT),
    may("pinned", Kind::Bool),
    may("boardFace", Kind::Constant(&["chat", "dashboard"])),
    may("hasBoard", Kind::Bool),
    may("creatorId", NAME),
    may("ownerId", NAME),
    may("involvingMe", Kind::Bool),
    may("profileRelation", PROFILE),
    may("involvingProfileId", NAME),
    may("spawnedBy", NAME),
    may("agentId", NAME),
    may("search", TEXT),
    may("archived", Kind::OrWord(&Kind::Bool, &["all"])),
]);

const USAGE: &[Field] = &[
    may("key", NAME),
    may("agentId", NAME),
    may("agentScope", Kind::Constant(&["all"])),
    may("startDate", Kind::Text(10, 10)),
    may("endDate", Kind::Text(10, 10)),
    may("mode", Kind::Constant(&["utc", "gateway", "specific"])),
    may("range", Kind::Constant(&["7d", "30d", "90d", "1y", "all"])),
    may("groupBy", Kind::Constant(&["instance", "family"])),
    may("includeHistorical", Kind::Bool),
    may("utcOffset", NAME),
    may("timeZone", NAME),
    may("limit", POSITIVE),
    moot(
        "includeContextWeight",
        Kind::Bool,
        "prompts are not weighed; hasContextWeight says so",
    ),
];

const RESOLVE: &[Field] = &[
    may("key", NAME),
    may("sessionId", NAME),
    may("label", LABEL),
    may("reference", Kind::Any),
    may("shortId", NAME),
    moot("slugHint", NAME, "the id alone decides"),
    may("agentId", NAME),
    may("spawnedBy", NAME),
    may("includeGlobal", Kind::Bool),
    moot(
        "includeUnknown",
        Kind::Bool,
        "every session is of a known kind",
    ),
    may("allowMissing", Kind::Bool),
];

const DELETE: &[Field] = &[
    must("key", NAME),
    may("agentId", NAME),
    may("deleteTranscript", Kind::Bool),
    may("expectedSessionId", NAME),
    may("expectedLifecycleRevision", NAME),
    may("expectedSessionUpdatedAt", Kind::Number),
    moot("emitLifecycleHooks", Kind::Bool, "there are no hooks"),
    may("archivedOnly", Kind::Bool),
];

const ENTRY: Spec = closed(&[
    must("sessionKey", NAME),
    may("agentId", NAME),
    must("entryId", NAME),
]);

const KEY_ONLY: Spec = closed(&[must("key", NAME), may("agentId", NAME)]);

pub(super) const ROWS: &[Method] = &[
    row(
        "sessions.list",
        READ,
        "A page of sessions, most recently changed first.",
        closed(SESSIONS_LIST),
        sessions::list,
    ),
    hidden(row(
        "sessions.get",
        READ,
        "Messages of a session.",
        open(&[
            may("key", Kind::Any),
            may("sessionKey", Kind::Any),
            may("limit", POSITIVE),
        ]),
        sessions::get,
    )),
    row(
        "sessions.describe",
        READ,
        "One session row.",
        closed(&[
            must("key", NAME),
            may("agentId", NAME),
            may("includeDerivedTitles", Kind::Bool),
            may("includeLastMessage", Kind::Bool),
        ]),
        sessions::describe,
    ),
    row(
        "sessions.resolve",
        READ,
        "Finds a session by key, id or label.",
        closed(RESOLVE),
        sessions::resolve,
    ),
    row(
        "sessions.preview",
        READ,
        "The newest lines of several sessions.",
        closed(&[
            must("keys", Kind::List(&NAME)),
            may("limit", POSITIVE),
            may("maxChars", Kind::Int(20, INT_MAX)),
        ]),
        sessions::preview,
    ),
    row(
        "sessions.patch",
        Needs::Depends(Scope::Write, sessions::scope_of_patch),
        "Changes settings of a session.",
        closed(SESSIONS_PATCH),
        sessions::patch,
    ),
    row(
        "sessions.reset",
        ADMIN,
        "Gives a session a fresh transcript.",
        closed(&[
            must("key", NAME),
            may("agentId", NAME),
            may("reason", Kind::Constant(&["new", "reset"])),
            may("expectedSessionId", NAME),
        ]),
        sessions::reset,
    ),
    row(
        "sessions.delete",
        Needs::Depends(Scope::Admin, sessions::scope_of_delete),
        "Removes a session.",
        closed(DELETE),
        sessions::delete,
    ),
    row(
        "sessions.subscribe",
        READ,
        "Asks for `sessions.changed` events.",
        closed(SESSIONS_LIST),
        sessions::subscribe,
    ),
    row(
        "sessions.messages.subscribe",
        READ,
        "Asks for the messages of a session as events.",
        closed(&[
            must("key", NAME),
            may("agentId", NAME),
            may("includeApprovals", Kind::Bool),
        ]),
        sessions::listen,
    ),
    row(
        "sessions.messages.unsubscribe",
        READ,
        "Ends that.",
        KEY_ONLY,
        sessions::stop_listening,
    ),
    row(
        "sessions.viewers.set",
        READ,
        "Says which sessions this client shows; others see it in presence.",
        closed(&[
            may("agentId", NAME),
            must("sessionKeys", Kind::List(&Kind::Text(1, 512))),
        ]),
        sessions::view,
    ),
    row(
        "sessions.create",
        Needs::Depends(Scope::Write, sessions::scope_of_create),
        "Makes a session, from nothing or from the lines of another, and may send its first message.",
        closed(SESSIONS_CREATE),
        sessions::create,
    ),
    row(
        "sessions.send",
        WRITE,
        "Sends a message into a session that exists.",
        closed(SESSIONS_SEND),
        sessions::send,
    ),
    hidden(row(
        "sessions.steer",
        WRITE,
        "Ends the running turn of a session and sends a message.",
        closed(SESSIONS_SEND),
        sessions::steer,
    )),
    row(
        "sessions.abort",
        WRITE,
        "Stops the running turn of a session; with `clearQueued` also what waits.",
        closed(&[
            may("key", NAME),
            may("runId", NAME),
            may("agentId", NAME),
            may("clearQueued", Kind::Bool),
        ]),
        sessions::abort,
    ),
    row(
        "sessions.recover",
        WRITE,
        "Asks the question of a failed or stopped turn again.",
        KEY_ONLY,
        sessions::recover,
    ),
    row(
        "sessions.patchMany",
        Needs::Depends(Scope::Write, sessions::scope_of_patch_many),
        "Changes settings of up to 100 sessions; each succeeds or fails by itself.",
        closed(&[
            must("targets", Kind::Items(&Kind::Object(&PATCH_TARGET), 1, 100)),
            must("patch", Kind::Object(&PATCH_MUTATION)),
        ]),
        sessions::patch_many,
    ),
    row(
        "sessions.cleanup",
        ADMIN,
        "Finds sessions of agents that are gone; with `enforce` removes them.",
        closed(&[
            may("agent", NAME),
            may("allAgents", Kind::Bool),
            may("enforce", Kind::Bool),
            may("activeKey", NAME),
        ]),
        sessions::cleanup,
    ),
    row(
        "sessions.compact",
        ADMIN,
        "Summarises what was said long ago; people still read all of it.",
        closed(&[
            must("key", NAME),
            may("agentId", NAME),
            may("maxLines", POSITIVE),
        ]),
        sessions::compact,
    ),
    row(
        "sessions.branches.list",
        READ,
        "Branches of a transcript.",
        closed(&[must("sessionKey", NAME), may("agentId", NAME)]),
        sessions::branches,
    ),
    row(
        "sessions.branches.switch",
        ADMIN,
        "Makes another branch the one in use.",
        closed(&[
            must("sessionKey", NAME),
            may("agentId", NAME),
            must("leafEntryId", NAME),
        ]),
        sessions::switch,
    ),
    row(
        "sessions.rewind",
        ADMIN,
        "Goes back to before a message, whose words come back for editing.",
        ENTRY,
        sessions::rewind,
    ),
    row(
        "sessions.fork",
        WRITE,
        "Goes on from before a message in a session of its own.",
        ENTRY,
        sessions::fork,
    ),
    row(
        "sessions.search",
        READ,
        "Messages in which all words occur, newest sessions first.",
        closed(&[
            may("agentId", NAME),
            may("sessionKeys", Kind::List(&NAME)),
            may("scope", Kind::Object(&SEARCH_SCOPE)),
            must("query", Kind::Text(1, 4096)),
            may("limit", Kind::Int(1, 25)),
        ]),
        sessions::search,
    ),
    row(
        "sessions.groups.list",
        READ,
        "Groups that people sort sessions into.",
        NONE,
        sessions::groups,
    ),
    row(
        "sessions.groups.defaults",
        WRITE,
        "Folders that new sessions of a group begin in; there are none.",
        NONE,
        sessions::defaults,
    ),
    row(
        "sessions.groups.put",
        WRITE,
        "Sets the groups and their order.",
        closed(&[
            must("names", Kind::List(&LABEL)),
            may("sectionOrder", Kind::List(&LABEL)),
        ]),
        sessions::put,
    ),
    row(
        "sessions.groups.rename",
        WRITE,
        "Gives a group another name.",
        closed(&[must("name", LABEL), must("to", LABEL)]),
        sessions::rename,
    ),
    row(
        "sessions.groups.delete",
        WRITE,
        "Removes a group; its sessions stay.",
        closed(&[must("name", LABEL)]),
        sessions::delete_group,
    ),
    hidden(row(
        "sessions.usage",
        READ,
        "Tokens and money of sessions over days.",
        closed(USAGE),
        sessions::usage,
    )),
    hidden(row(
        "sessions.usage.timeseries",
        READ,
        "Tokens and money of one session, answer by answer.",
        open(&[may("key", NAME), may("agentId", NAME)]),
        sessions::timeseries,
    )),
    hidden(row(
        "sessions.usage.logs",
        READ,
        "The newest lines of one session with what they used.",
        open(&[
            may("key", NAME),
            may("agentId", NAME),
            may("limit", POSITIVE),
        ]),
        sessions::logs,
    )),
];
