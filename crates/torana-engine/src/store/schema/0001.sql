-- Times are Unix milliseconds. Text that ends in `_json` holds a serialised core type.

CREATE TABLE session (
  key                 TEXT PRIMARY KEY,
  agent               TEXT NOT NULL,
  session_id          TEXT NOT NULL,
  created_at          INTEGER NOT NULL,
  started_at          INTEGER NOT NULL,
  last_interaction_at INTEGER NOT NULL,
  updated_at          INTEGER NOT NULL,
  chat_type           TEXT,
  channel             TEXT,
  title               TEXT,
  label               TEXT,
  model               TEXT,
  thinking            TEXT,
  queue_mode          TEXT,
  archived            INTEGER NOT NULL DEFAULT 0,
  pinned              INTEGER NOT NULL DEFAULT 0,
  unread              INTEGER NOT NULL DEFAULT 0,
  entries             INTEGER NOT NULL DEFAULT 0,
  first_text          TEXT,
  last_text           TEXT,
  status              TEXT,
  run_started_at      INTEGER,
  run_ended_at        INTEGER,
  input_tokens        INTEGER NOT NULL DEFAULT 0,
  output_tokens       INTEGER NOT NULL DEFAULT 0,
  cache_read_tokens   INTEGER NOT NULL DEFAULT 0,
  cache_write_tokens  INTEGER NOT NULL DEFAULT 0,
  cost_usd            REAL NOT NULL DEFAULT 0,
  context_tokens      INTEGER NOT NULL DEFAULT 0,
  last_provider       TEXT,
  last_model          TEXT,
  last_target_json    TEXT
) WITHOUT ROWID;
CREATE INDEX session_updated ON session (updated_at DESC, key);

CREATE TABLE transcript (
  session_id TEXT NOT NULL,
  sequence   INTEGER NOT NULL,
  inbox      INTEGER,
  role       TEXT NOT NULL,
  entry_json TEXT NOT NULL,
  PRIMARY KEY (session_id, sequence)
) WITHOUT ROWID;

CREATE TABLE archived_session (
  session_id  TEXT PRIMARY KEY,
  key         TEXT NOT NULL,
  agent       TEXT NOT NULL,
  started_at  INTEGER NOT NULL,
  archived_at INTEGER NOT NULL,
  reason      TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX archived_session_key ON archived_session (key, archived_at);

CREATE TABLE inbox (
  id               INTEGER PRIMARY KEY,
  channel          TEXT NOT NULL,
  account          TEXT NOT NULL,
  platform_account TEXT NOT NULL,
  event_id         TEXT NOT NULL,
  state            TEXT NOT NULL,
  reason           TEXT,
  attempt          INTEGER NOT NULL DEFAULT 0,
  deaths           INTEGER NOT NULL DEFAULT 0,
  panics           INTEGER NOT NULL DEFAULT 0,
  merged_into      INTEGER,
  session          TEXT,
  agent            TEXT,
  tier             TEXT,
  run_id           TEXT,
  sender           TEXT,
  digest           TEXT,
  payload_json     TEXT,
  result_json      TEXT,
  refused          INTEGER NOT NULL DEFAULT 0,
  received_at      INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL
);
CREATE UNIQUE INDEX inbox_event ON inbox (channel, platform_account, event_id);
CREATE INDEX inbox_open ON inbox (id) WHERE state IN ('queued', 'adopted', 'held');
CREATE INDEX inbox_parked ON inbox (id) WHERE state = 'parked';
CREATE INDEX inbox_run ON inbox (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX inbox_merged ON inbox (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX inbox_age ON inbox (received_at);
CREATE INDEX inbox_client_age ON inbox (received_at) WHERE channel = 'webchat';
CREATE INDEX inbox_refused_age ON inbox (received_at) WHERE refused = 1;

CREATE TABLE outbox (
  id             INTEGER PRIMARY KEY,
  inbox          INTEGER,
  run_id         TEXT,
  part           INTEGER NOT NULL,
  channel        TEXT NOT NULL,
  account        TEXT NOT NULL,
  lane           TEXT NOT NULL,
  state          TEXT NOT NULL,
  nonce          TEXT NOT NULL,
  attempt        INTEGER NOT NULL DEFAULT 0,
  failures       INTEGER NOT NULL DEFAULT 0,
  resent         INTEGER NOT NULL DEFAULT 0,
  delayed        INTEGER NOT NULL DEFAULT 0,
  operation_json TEXT NOT NULL,
  receipt_json   TEXT,
  reason         TEXT,
  due_at         INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL
);
CREATE INDEX outbox_open ON outbox (channel, account, lane, id)
  WHERE state IN ('queued', 'attempting', 'retry', 'unknown');
CREATE INDEX outbox_parked ON outbox (id) WHERE state = 'parked';
CREATE INDEX outbox_inbox ON outbox (inbox) WHERE inbox IS NOT NULL;

-- Messages that show a growing answer, so that a restarted turn edits them instead of leaving them half-written.
CREATE TABLE preview (
  inbox             INTEGER NOT NULL,
  part              INTEGER NOT NULL,
  message_id        TEXT NOT NULL,
  conversation_json TEXT NOT NULL,
  PRIMARY KEY (inbox, part)
) WITHOUT ROWID;

-- Unmentioned messages of allowed groups, shown to the model before the next mention.
CREATE TABLE context (
  session TEXT NOT NULL,
  inbox   INTEGER NOT NULL,
  sender  TEXT NOT NULL,
  text    TEXT NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (session, inbox)
) WITHOUT ROWID;

CREATE TABLE client_key (
  method      TEXT NOT NULL,
  key         TEXT NOT NULL,
  digest      TEXT NOT NULL,
  result_json TEXT,
  at          INTEGER NOT NULL,
  PRIMARY KEY (method, key)
) WITHOUT ROWID;
CREATE INDEX client_key_age ON client_key (at);

CREATE TABLE pairing_request (
  channel      TEXT NOT NULL,
  account      TEXT NOT NULL,
  sender       TEXT NOT NULL,
  code         TEXT NOT NULL,
  name         TEXT,
  payload_json TEXT,
  tries        INTEGER NOT NULL DEFAULT 0,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  replied_at   INTEGER NOT NULL,
  PRIMARY KEY (channel, account, sender)
) WITHOUT ROWID;

CREATE TABLE pairing_allow (
  channel     TEXT NOT NULL,
  account     TEXT NOT NULL,
  sender      TEXT NOT NULL,
  name        TEXT,
  approved_at INTEGER NOT NULL,
  PRIMARY KEY (channel, account, sender)
) WITHOUT ROWID;

CREATE TABLE owner (
  sender TEXT PRIMARY KEY,
  at     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE device (
  device_id    TEXT PRIMARY KEY,
  public_key   TEXT NOT NULL,
  facts_json   TEXT NOT NULL,
  label        TEXT,
  approved_via TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  approved_at  INTEGER NOT NULL,
  last_seen_at INTEGER
) WITHOUT ROWID;

CREATE TABLE device_token (
  device_id  TEXT NOT NULL,
  role       TEXT NOT NULL,
  scopes     TEXT NOT NULL,
  generation INTEGER NOT NULL,
  digest     TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  rotated_at INTEGER,
  revoked_at INTEGER,
  PRIMARY KEY (device_id, role)
) WITHOUT ROWID;

CREATE TABLE device_request (
  request_id TEXT PRIMARY KEY,
  device_id  TEXT NOT NULL,
  public_key TEXT NOT NULL,
  role       TEXT NOT NULL,
  scopes     TEXT NOT NULL,
  facts_json TEXT NOT NULL,
  repair     INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE usage_day (
  day         TEXT NOT NULL,
  agent       TEXT NOT NULL,
  provider    TEXT NOT NULL,
  model       TEXT NOT NULL,
  calls       INTEGER NOT NULL DEFAULT 0,
  input       INTEGER NOT NULL DEFAULT 0,
  output      INTEGER NOT NULL DEFAULT 0,
  cache_read  INTEGER NOT NULL DEFAULT 0,
  cache_write INTEGER NOT NULL DEFAULT 0,
  cost_usd    REAL NOT NULL DEFAULT 0,
  PRIMARY KEY (day, agent, provider, model)
) WITHOUT ROWID;

CREATE TABLE setting (
  name       TEXT PRIMARY KEY,
  value_json TEXT NOT NULL
) WITHOUT ROWID;
