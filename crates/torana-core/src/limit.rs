//! Every bound and default duration of the gateway, with its reason, and compile-time checks of how they relate.
//!
//! Edges keep limits that belong to one platform in that platform's folder.

/// Bytes of one frame before a client is authenticated (OpenClaw 2026.9.6, `preauth payload too large`).
pub const FRAME_BYTES_PREAUTH_MAX: usize = 65_536;
/// Bytes of one frame after authentication; advertised as `policy.maxPayload` (OpenClaw 2026.9.6).
pub const FRAME_BYTES_MAX: usize = 26_214_400;
/// Bytes waiting for one client before it is cut off; advertised as `policy.maxBufferedBytes`.
pub const CLIENT_BUFFER_BYTES_MAX: usize = 52_428_800;
/// Bytes of queued events at which partial texts start to be merged (decision 44).
pub const CLIENT_BUFFER_BYTES_SOFT: usize = 4 * 1024 * 1024;
/// Time from accept to hello, milliseconds (OpenClaw 2026.9.6; S-046).
pub const HANDSHAKE_TIMEOUT_MS: u64 = 15_000;
/// Interval of the keep-alive event, milliseconds (OpenClaw 2026.9.6 `policy.tickIntervalMs`).
pub const TICK_INTERVAL_MS: u64 = 30_000;
/// JSON nesting accepted from clients (S-053); official clients stay below 20.
pub const JSON_DEPTH_MAX: usize = 64;
/// JSON values in one document from a client (S-053).
pub const JSON_NODES_MAX: usize = 100_000;
/// Authenticated sockets at once (decision 44): twice the 5,000 idle clients of the budget.
pub const CLIENTS_MAX: usize = 10_000;
/// Requests of one connection that wait for an answer (S-056).
pub const REQUESTS_PER_CLIENT_MAX: usize = 256;
/// Requests of all connections together that wait for an answer (S-056).
pub const REQUESTS_MAX: usize = 4_096;

/// Bytes of a request body that carries a whole model request, images included (S-051).
pub const HTTP_BODY_BYTES_COMPLETIONS_MAX: usize = 20 * 1024 * 1024;
/// Bytes of a request to run a tool (OpenClaw 2026.9.6).
pub const HTTP_BODY_BYTES_TOOLS_MAX: usize = 2 * 1024 * 1024;
/// Bytes of a platform's webhook body (threat model section 7); platforms send a few KiB.
pub const HTTP_BODY_BYTES_WEBHOOK_MAX: usize = 1024 * 1024;

/// Bytes of text in one inbound or client message; ten times the longest platform message, so nothing real is refused.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a stranger's message kept while pairing is offered (decision 8).
pub const PAIRING_MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Pairing requests waiting per account (decision 49, S-044).
pub const PAIRING_PENDING_MAX: usize = 100;
/// Life of a pairing code and of the wait between two replies to one stranger, milliseconds (decision 49).
pub const PAIRING_CODE_MS: i64 = 3_600_000;
/// Pairing replies of one account in an hour (decision 49), so a flood of strangers cannot make us spam.
pub const PAIRING_REPLIES_PER_HOUR: usize = 60;
/// Wrong guesses at one pairing code before it dies (decision 49).
pub const PAIRING_TRIES_MAX: i64 = 5;
/// Device pairing requests waiting at once (S-045).
pub const DEVICE_PENDING_MAX: usize = 64;
/// Life of a device pairing request, milliseconds (behaviour section 14).
pub const DEVICE_PENDING_MS: i64 = 300_000;
/// Approvals that wait at once; a person answers a few a minute, so more is a runaway agent.
pub const APPROVAL_PENDING_MAX: usize = 256;
/// Ended approvals kept for the history (S-105 keeps the audit record for longer).
pub const APPROVAL_KEPT_MAX: i64 = 10_000;
/// Bytes of one approval's question as stored; commands with a script inside stay below it.
pub const APPROVAL_BYTES_MAX: usize = 64 * 1024;
/// How long an approval waits when its question does not say, milliseconds (OpenClaw 2026.9.6).
pub const APPROVAL_WAIT_MS: i64 = 1_800_000;
/// The longest wait a question may ask for, milliseconds: a day, so that nothing waits for a person who is gone.
pub const APPROVAL_WAIT_MAX_MS: i64 = 86_400_000;
/// Commands of one node that wait for its answer; above it a stuck node would hold callers without end.
pub const NODE_CALLS_MAX: usize = 64;
/// Wait for a node's answer when the caller names none, milliseconds (OpenClaw 2026.9.6).
pub const NODE_CALL_MS_DEFAULT: u64 = 30_000;
/// Longest wait for a node's answer, milliseconds: a day, which is also how long background programs may run.
pub const NODE_CALL_MS_MAX: u64 = 86_400_000;
/// Work that waits for one node (OpenClaw 2026.9.6 keeps as many actions per node).
pub const NODE_WORK_MAX: usize = 64;
/// Work that waits for all nodes together, so that the table stays small whatever is enqueued.
pub const NODE_WORK_ALL_MAX: usize = 4_096;
/// How long an action waits for its node's foreground, milliseconds (OpenClaw 2026.9.6).
pub const NODE_ACTION_MS: i64 = 600_000;
/// Life of a printed sign-in link, milliseconds (decision 35).
pub const LOGIN_CODE_MS: i64 = 600_000;

/// Rows one group commit may hold: an upper bound, never a wait for company (decision 4).
pub const COMMIT_ROWS_MAX: usize = 256;
/// Writes waiting for the store before callers wait too; enough for a full batch in every stage.
pub const STORE_QUEUE_MAX: usize = 4_096;

/// Messages waiting behind one run (OpenClaw's documented queue cap).
pub const LANE_CAP_DEFAULT: usize = 20;
/// Inbound rows open at once before channels stop fetching; bounds memory after a long outage.
pub const INBOX_OPEN_MAX: usize = 20_000;
/// Runs at once over all sessions (decisions-control-and-agents 56): a waiting turn is cheap here.
pub const RUNS_MAX_DEFAULT: usize = 256;
/// Longest turn, milliseconds: 48 hours (decisions-control-and-agents 55).
pub const TURN_TIMEOUT_MS_DEFAULT: u64 = 48 * 3_600_000;
/// Silence of a run before it is ended, milliseconds (decisions-control-and-agents 55).
pub const RUN_IDLE_MS_DEFAULT: u64 = 600_000;
/// Bytes of answer text of one turn (S-061).
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Deaths that name a turn before it is set aside (decision 9).
pub const POISON_NAMED_MAX: u32 = 3;
/// Deaths without a marker, without durable progress in between, before a turn is set aside (decision 9).
pub const POISON_UNNAMED_MAX: u32 = 10;

/// Wait before a task that ended by its own fault is started again, milliseconds; it doubles with every failure.
pub const TASK_RESTART_MS_FIRST: u64 = 1_000;
/// Longest such wait, milliseconds: as long as the longest wait of a reconnect.
pub const TASK_RESTART_MS_MAX: u64 = 60_000;
/// Restarts in a row before a task is given up (behaviour 6.4: ten).
pub const TASK_RESTARTS_MAX: u32 = 10;
/// A task that worked this long is healthy again, milliseconds; ten minutes outlast all the waits of a series.
pub const TASK_HEALTHY_MS: u64 = 600_000;

/// Dedupe memory of platform events, milliseconds: 30 days (decision 7).
pub const DEDUPE_MS: i64 = 30 * 86_400_000;
/// Ended rows an account keeps for dedupe; above it the oldest go early (decision 7).
pub const DEDUPE_ROWS_MAX: usize = 2_000_000;
/// Age before which no row goes early, milliseconds: 8 days (decision 7).
pub const DEDUPE_FLOOR_MS: i64 = 8 * 86_400_000;
/// Dedupe memory of client keys, milliseconds: 24 hours (decision 7).
pub const IDEMPOTENCY_MS: i64 = 86_400_000;
/// Characters of an idempotency key (behaviour 11.3).
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 256;
/// How long refused messages leave a trace, milliseconds: 7 days (decision 8).
pub const REFUSED_KEEP_MS: i64 = 7 * 86_400_000;

/// Traces of refused messages kept at most (decision 8); above it the oldest go early.
pub const REFUSED_ROWS_MAX: usize = 100_000;

/// Times one session may be rewound and continued; each is a branch that every read of the session looks at.
pub const BRANCHES_MAX: usize = 1_000;
/// Bytes of one attached file; advertised as `policy.attachments.maxBytes` (OpenClaw 2026.9.6).
pub const MEDIA_FILE_BYTES_MAX: usize = 19_464_192;
/// Bytes of one attached picture; advertised as `policy.attachments.maxImageBytes` (OpenClaw 2026.9.6).
pub const MEDIA_IMAGE_BYTES_MAX: usize = 6_291_456;
/// Files one message can have; a frame's limit binds before most providers' own.
pub const MEDIA_FILES_MAX: usize = 20;
/// Bytes of older files that are shown to an agent again in one turn: what fits a provider's request with the new ones.
pub const MEDIA_TURN_BYTES_MAX: usize = 20 * 1024 * 1024;
/// Bytes of all files kept, 5 GiB; above it the ones used longest ago are removed (S-104).
pub const MEDIA_BYTES_MAX: i64 = 5 * 1024 * 1024 * 1024;
/// Groups people can sort sessions into; more fit no page.
pub const SESSION_GROUPS_MAX: usize = 200;

/// First wait after a failed send, milliseconds (decision 12).
pub(crate) const SEND_RETRY_MS_FIRST: u64 = 400;
/// Longest wait between two sends of our own choosing, milliseconds (decision 12).
pub(crate) const SEND_RETRY_MS_MAX: u64 = 30_000;
/// Age up to which a reply goes out as it is, milliseconds (decision 13).
pub(crate) const REPLY_FRESH_MS: i64 = 3_600_000;
/// Age up to which a reply goes out with a note, milliseconds (decision 13).
pub(crate) const REPLY_STALE_MS: i64 = 86_400_000;
/// Age above which a preview or typing sign is pointless, milliseconds (decision 13).
pub const PREVIEW_STALE_MS: u64 = 60_000;

/// Orderly stop, milliseconds (decision 19); service units allow 45 s.
pub const DRAIN_MS: u64 = 30_000;
/// How long a suspension holds unless it is asked for again, milliseconds (OpenClaw 2026.9.6): whoever suspends and
/// dies leaves a gateway that works again soon.
pub const SUSPENSION_MS: u64 = 120_000;
/// When whoever waits for a drain should look again, milliseconds (OpenClaw 2026.9.6).
pub const SUSPENSION_RETRY_MS: u64 = 20_000;
/// How long a requested restart waits for running turns before it begins to drain, milliseconds: the five minutes of
/// OpenClaw 2026.9.6 (behaviour 6.6).
pub const RESTART_DEFERRAL_MS: u64 = 300_000;
/// Wait before the restart a written configuration needs when the writer does not say, milliseconds (OpenClaw
/// 2026.9.6): time for the answer to be read.
pub const RESTART_DELAY_MS: u64 = 2_000;
/// The longest wait a writer may ask for, milliseconds (OpenClaw 2026.9.6).
pub const RESTART_DELAY_MS_MAX: u64 = 60_000;
/// Silence of a polling transport before it is restarted, milliseconds (behaviour 6.5).
pub const RECEIVE_DEAD_MS: u64 = 120_000;
/// First wait before a transport reconnects, milliseconds (channels 0.7).
pub const RECONNECT_MS_FIRST: u64 = 1_000;
/// Longest wait before a transport reconnects, milliseconds (channels 0.7).
pub const RECONNECT_MS_MAX: u64 = 60_000;
/// Unmentioned group messages kept as context for the next turn (behaviour 3.3).
pub const CONTEXT_MESSAGES_DEFAULT: usize = 50;

const _: () =
    assert!(FRAME_BYTES_PREAUTH_MAX < FRAME_BYTES_MAX && FRAME_BYTES_MAX < CLIENT_BUFFER_BYTES_MAX);
const _: () = assert!(MESSAGE_BYTES_MAX < FRAME_BYTES_MAX);
// Base64 takes four bytes for three, and the largest file still fits a frame.
const _: () = assert!(MEDIA_FILE_BYTES_MAX.div_ceil(3) * 4 < FRAME_BYTES_MAX);
const _: () = assert!(SEND_RETRY_MS_FIRST < SEND_RETRY_MS_MAX);
const _: () = assert!(REPLY_FRESH_MS < REPLY_STALE_MS);
const _: () = assert!(COMMIT_ROWS_MAX < STORE_QUEUE_MAX);
