//! What clients ask for while loading and this build does not have.

use serde_json::json;
use torana_core::auth::Scope;

use super::row::{ADMIN, FREE, NONE, READ, WRITE, row};
use crate::openclaw::methods::absent::{self, empty};
use crate::openclaw::methods::{Method, Needs, machine};
use crate::openclaw::params::{
    COUNT, Field, Kind, NAME, POSITIVE, Spec, TEXT, closed, idle, may, moot, must,
};

const APPROVALS: Needs = Needs::Scope(Scope::Approvals);
/// A question about a session that is answered alike for each.
const SESSION: Spec = closed(&[
    must("sessionKey", NAME),
    moot("agentId", NAME, "the answer is the same for every agent"),
]);
const PAGED: Kind = Kind::Int(1, 200);
/// Why a filter cannot change an empty list.
const EMPTY: &str = "there are none, whatever is asked";
const DIRECTIONS: Kind = Kind::Constant(&["asc", "desc"]);
const RUN_STATUSES: &[&str] = &["ok", "error", "skipped"];
const DELIVERIES: Kind =
    Kind::Constant(&["delivered", "not-delivered", "unknown", "not-requested"]);

const CRON_LIST: &[Field] = &[
    may("limit", PAGED),
    may("offset", COUNT),
    moot("includeDisabled", Kind::Bool, EMPTY),
    moot("query", TEXT, EMPTY),
    moot(
        "enabled",
        Kind::Constant(&["all", "enabled", "disabled"]),
        EMPTY,
    ),
    moot(
        "scheduleKind",
        Kind::Constant(&["all", "at", "every", "cron", "on-exit", "stream"]),
        EMPTY,
    ),
    moot(
        "lastRunStatus",
        Kind::Constant(&["all", "ok", "error", "skipped", "unknown"]),
        EMPTY,
    ),
    moot(
        "trigger",
        Kind::Constant(&["all", "conditional", "unconditional"]),
        EMPTY,
    ),
    moot(
        "sortBy",
        Kind::Constant(&["nextRunAtMs", "updatedAtMs", "name"]),
        EMPTY,
    ),
    moot("sortDir", DIRECTIONS, EMPTY),
    moot("agentId", NAME, EMPTY),
    moot("compact", Kind::Bool, EMPTY),
    moot("includeDeliveryPreviews", Kind::Bool, EMPTY),
];

const CRON_RUNS: &[Field] = &[
    may("scope", Kind::Constant(&["job", "all"])),
    may("id", NAME),
    may("jobId", NAME),
    may("limit", PAGED),
    may("offset", COUNT),
    moot("agentId", NAME, EMPTY),
    moot("runId", NAME, EMPTY),
    moot(
        "statuses",
        Kind::Items(&Kind::Constant(RUN_STATUSES), 1, 3),
        EMPTY,
    ),
    moot(
        "status",
        Kind::Constant(&["all", "ok", "error", "skipped"]),
        EMPTY,
    ),
    moot("deliveryStatuses", Kind::Items(&DELIVERIES, 1, 4), EMPTY),
    moot("deliveryStatus", DELIVERIES, EMPTY),
    moot("query", TEXT, EMPTY),
    moot("sortDir", DIRECTIONS, EMPTY),
];

const TASK_STATUSES: Kind = Kind::Constant(&[
    "queued",
    "running",
    "completed",
    "failed",
    "cancelled",
    "timed_out",
]);

const TASKS: &[Field] = &[
    moot("status", Kind::OrList(&TASK_STATUSES), EMPTY),
    moot("agentId", NAME, EMPTY),
    moot("sessionKey", NAME, EMPTY),
    moot("limit", Kind::Int(1, 500), EMPTY),
    may("cursor", TEXT),
    moot("sortBy", Kind::OneOf(&["updatedAt", "endedAt"]), EMPTY),
];

const CATALOGS: &[Field] = &[
    may("catalogId", NAME),
    moot("cursors", Kind::Map(&TEXT), EMPTY),
    may("agentId", NAME),
    moot("progressId", Kind::Text(1, 128), EMPTY),
    moot("search", TEXT, EMPTY),
    moot("limitPerHost", POSITIVE, EMPTY),
    moot("hostIds", Kind::List(&NAME), EMPTY),
    moot("allowPartialResults", Kind::Bool, EMPTY),
    moot("metadataOnly", Kind::Bool, EMPTY),
];

/// Rows of decisions 34 to 37; the rest of each family appears with the capability.
pub(super) const ROWS: &[Method] = &[
    row(
        "cron.status",
        READ,
        "No scheduler runs yet.",
        NONE,
        absent::cron_status,
    ),
    row(
        "cron.list",
        READ,
        "Scheduled jobs; none yet.",
        closed(CRON_LIST),
        absent::cron_list,
    ),
    row(
        "cron.runs",
        READ,
        "Runs of scheduled jobs; none yet.",
        closed(CRON_RUNS),
        absent::cron_runs,
    ),
    row(
        "cron.get",
        READ,
        "One scheduled job; none yet.",
        closed(&[may("id", NAME), may("jobId", NAME)]),
        absent::cron_get,
    ),
    row(
        "exec.approval.grants.list",
        APPROVALS,
        "Standing grants of automations; none before there are automations.",
        closed(&[moot("limit", Kind::Int(1, 500), EMPTY)]),
        |_| empty(json!({ "grants": [] })),
    ),
    row(
        "tasks.list",
        READ,
        "Background tasks; none yet.",
        closed(TASKS),
        absent::tasks,
    ),
    row(
        "taskSuggestions.list",
        READ,
        "Suggested tasks; none.",
        closed(&[
            moot("sessionKey", Kind::Text(1, 512), EMPTY),
            moot("agentId", Kind::Text(1, 128), EMPTY),
        ]),
        |_| empty(json!({ "suggestions": [] })),
    ),
    row(
        "skills.status",
        READ,
        "Skills of an agent; none yet.",
        closed(&[may("agentId", NAME), may("sessionKey", NAME)]),
        machine::skills,
    ),
    row(
        "skills.library.list",
        READ,
        "Shared skills; none.",
        closed(&[
            moot("sessionKey", Kind::Text(1, 512), EMPTY),
            moot("scope", Kind::Constant(&["mine", "team", "all"]), EMPTY),
        ]),
        |_| {
            empty(json!({
                "entries": [], "multipleProfiles": false, "defaultTarget": "workspace", "canManageWorkspace": false,
                "defaultSelectionLimit": 0,
            }))
        },
    ),
    row(
        "skills.proposals.list",
        READ,
        "Proposed skills; none.",
        closed(&[moot("agentId", NAME, "no agent has any")]),
        absent::proposals,
    ),
    row(
        "hooks.status",
        READ,
        "Hooks of an agent; none yet.",
        closed(&[may("agentId", NAME)]),
        machine::hooks,
    ),
    row("plugins.list", READ, "Plugins; none yet.", NONE, |_| {
        empty(
            json!({ "plugins": [], "diagnostics": [], "mutationAllowed": false, "generation": 0 }),
        )
    }),
    row(
        "plugins.controlUi.list",
        READ,
        "Plugins of the page; none.",
        NONE,
        |_| empty(json!({ "revision": "0", "plugins": [], "diagnostics": [] })),
    ),
    row(
        "tools.catalog",
        READ,
        "Tools an agent could use; none yet.",
        closed(&[
            may("agentId", NAME),
            moot("includePlugins", Kind::Bool, "there are no plugins"),
        ]),
        machine::tools,
    ),
    row(
        "tools.effective",
        READ,
        "Tools a session may use; none yet.",
        closed(&[may("agentId", NAME), must("sessionKey", NAME)]),
        machine::tools_now,
    ),
    row(
        "tools.invoke",
        WRITE,
        "Runs a tool; there is none yet, so the answer says so.",
        closed(&[
            must("name", NAME),
            moot("args", Kind::Map(&Kind::Any), "nothing is run"),
            moot("sessionKey", NAME, "no session has the tool"),
            moot("agentId", NAME, "no agent has the tool"),
            moot("confirm", Kind::Bool, "no tool is there to be confirmed"),
            moot(
                "idempotencyKey",
                NAME,
                "nothing happens, so nothing happens twice",
            ),
            moot(
                "conversationReadOrigin",
                Kind::Constant(&["direct-operator"]),
                "nothing is read",
            ),
        ]),
        machine::tool,
    ),
    row(
        "talk.catalog",
        READ,
        "Ways to talk; none.",
        closed(&[moot("provider", NAME, EMPTY), moot("model", NAME, EMPTY)]),
        |_| {
            empty(json!({
                "modes": [], "transports": [], "brains": [], "speech": { "providers": [] },
                "transcription": { "providers": [] }, "realtime": { "providers": [] },
            }))
        },
    ),
    row(
        "board.get",
        READ,
        "The board of a session; empty.",
        SESSION,
        absent::board,
    ),
    row(
        "mentions.list",
        READ,
        "Mentions of a user; none.",
        NONE,
        absent::mentions,
    ),
    row("terminal.list", ADMIN, "Terminals; none.", FREE, |_| {
        empty(json!({ "sessions": [] }))
    }),
    row("worktrees.list", READ, "Worktrees; none.", NONE, |_| {
        empty(json!({ "worktrees": [] }))
    }),
    row(
        "portal.list",
        READ,
        "Portals; none.",
        closed(&[moot("environmentId", NAME, EMPTY)]),
        |_| empty(json!({ "portals": [] })),
    ),
    row(
        "themes.list",
        READ,
        "Themes of the page.",
        NONE,
        absent::themes,
    ),
    row(
        "progressCard.get",
        READ,
        "The progress card of a session; none.",
        SESSION,
        |_| empty(json!({ "card": null })),
    ),
    row(
        "secrets.store.list",
        ADMIN,
        "Stored secrets; there is no store.",
        NONE,
        |_| empty(json!({ "entries": [] })),
    ),
    row("users.list", READ, "User profiles; none.", NONE, |_| {
        empty(json!({ "profiles": [] }))
    }),
    row(
        "users.self",
        READ,
        "The caller's profile; nobody has one.",
        NONE,
        absent::nobody,
    ),
    row(
        "users.prefs.get",
        READ,
        "Stored preferences; there is no profile to keep them in.",
        closed(&[moot(
            "keys",
            Kind::List(&NAME),
            "there is no profile to keep any in",
        )]),
        |_| empty(json!({ "status": "no_durable_identity" })),
    ),
    row(
        "users.listModelAccounts",
        READ,
        "Model accounts of a profile; none.",
        closed(&[may("profileId", Kind::Text(1, 128))]),
        absent::model_accounts,
    ),
    row(
        "sessions.observer.visibility",
        READ,
        "Says whether a page is visible.",
        closed(&[idle(
            must("visible", Kind::Bool),
            "nothing observes sessions, so nothing is paused",
        )]),
        |_| empty(json!({ "ok": true })),
    ),
    row(
        "sessions.github.options",
        READ,
        "Publishing to GitHub; not available.",
        closed(&[
            must("sessionKey", NAME),
            moot("agentId", NAME, "no agent can publish"),
            moot(
                "idempotencyKey",
                NAME,
                "nothing happens, so nothing happens twice",
            ),
        ]),
        |call| absent::github_options(call),
    ),
    row(
        "sessions.catalog.list",
        READ,
        "Sessions of other programs; none.",
        closed(CATALOGS),
        absent::catalogs,
    ),
    row(
        "sessions.companion.state",
        READ,
        "The companion of a session; silent.",
        SESSION,
        |_| empty(json!({ "exchanges": [] })),
    ),
    row(
        "session.discussion.info",
        READ,
        "The discussion of a session; none.",
        SESSION,
        |_| empty(json!({ "state": "none" })),
    ),
    row(
        "session.members.listEvidence",
        READ,
        "Who shares a session; nobody else.",
        SESSION,
        absent::members,
    ),
    row(
        "controlUi.sessionPullRequests.subscribe",
        READ,
        "Pull requests of sessions; none.",
        closed(&[must("sessionKeys", Kind::List(&NAME))]),
        absent::pull_requests,
    ),
];
