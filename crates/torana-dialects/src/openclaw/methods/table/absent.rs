//! What clients ask for while loading and this build does not have.

use serde_json::json;
use torana_core::auth::Scope;

use super::row::{ADMIN, FREE, NONE, READ, WRITE, row};
use crate::openclaw::methods::absent::{self, empty};
use crate::openclaw::methods::{Method, Needs, machine};
use crate::openclaw::params::{
    COUNT, Field, Kind, LONG, NAME, Spec, TEXT, closed, idle, may, moot, must, open,
};

const APPROVALS: Needs = Needs::Scope(Scope::Approvals);
/// A question about a session that is answered alike for each.
const SESSION: Spec = closed(&[
    must("sessionKey", NAME),
    moot("agentId", NAME, "the answer is the same for every agent"),
]);
const PAGED: Kind = Kind::Int(1, 200);

const CRON_LIST: &[Field] = &[may("limit", PAGED), may("offset", COUNT)];

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
        open(CRON_LIST),
        absent::cron_list,
    ),
    row(
        "cron.runs",
        READ,
        "Runs of scheduled jobs; none yet.",
        open(CRON_LIST),
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
        closed(&[moot(
            "limit",
            Kind::Int(1, 500),
            "there are none, whatever is asked",
        )]),
        |_| empty(json!({ "grants": [] })),
    ),
    row(
        "tasks.list",
        READ,
        "Background tasks; none yet.",
        FREE,
        |_| empty(json!({ "tasks": [] })),
    ),
    row(
        "taskSuggestions.list",
        READ,
        "Suggested tasks; none.",
        closed(&[
            moot(
                "sessionKey",
                Kind::Text(1, 512),
                "there are none, whatever is asked",
            ),
            moot(
                "agentId",
                Kind::Text(1, 128),
                "there are none, whatever is asked",
            ),
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
            moot(
                "sessionKey",
                Kind::Text(1, 512),
                "there are none, whatever is asked",
            ),
            moot(
                "scope",
                Kind::OneOf(&["mine", "team", "all"]),
                "there are none, whatever is asked",
            ),
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
                Kind::OneOf(&["direct-operator"]),
                "nothing is read",
            ),
        ]),
        machine::tool,
    ),
    row(
        "talk.catalog",
        READ,
        "Ways to talk; none.",
        closed(&[
            moot("provider", NAME, "there are none, whatever is asked"),
            moot("model", NAME, "there are none, whatever is asked"),
        ]),
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
        closed(&[moot(
            "environmentId",
            NAME,
            "there are none, whatever is asked",
        )]),
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
        open(&[
            moot("agentId", NAME, "there are none, whatever is asked"),
            moot(
                "progressId",
                Kind::Text(1, LONG),
                "there are none, whatever is asked",
            ),
            moot("search", TEXT, "there are none, whatever is asked"),
        ]),
        |_| empty(json!({ "catalogs": [] })),
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
        open(&[may("sessionKeys", Kind::List(&NAME))]),
        absent::pull_requests,
    ),
];
