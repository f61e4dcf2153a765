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
, leaf INTEGER, family TEXT NOT NULL DEFAULT 'chat', category TEXT, parent_key TEXT, fork_json TEXT, face_json TEXT, archived_at INTEGER, pinned_at INTEGER, read_at INTEGER, marked_unread_at INTEGER, last_run TEXT, last_error TEXT, compactions INTEGER NOT NULL DEFAULT 0, manner_json TEXT) WITHOUT ROWID;
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
, leaf INTEGER) WITHOUT ROWID;
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
CREATE TABLE preview (
  inbox             INTEGER NOT NULL,
  part              INTEGER NOT NULL,
  message_id        TEXT NOT NULL,
  conversation_json TEXT NOT NULL,
  PRIMARY KEY (inbox, part)
) WITHOUT ROWID;
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
CREATE TABLE approval (
    id            TEXT PRIMARY KEY,
    kind          TEXT NOT NULL,
    status        TEXT NOT NULL,
    request_json  TEXT NOT NULL,
    allowed       TEXT NOT NULL,
    agent         TEXT,
    session_key   TEXT,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    decision      TEXT,
    ending        TEXT,
    resolved_at   INTEGER,
    resolver_kind TEXT,
    resolver_id   TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX approval_pending ON approval (created_at) WHERE status = 'pending';
CREATE INDEX approval_ended ON approval (resolved_at, id) WHERE status <> 'pending';
CREATE TABLE question (
    id             TEXT PRIMARY KEY,
    status         TEXT NOT NULL,
    questions_json TEXT NOT NULL,
    agent          TEXT,
    session_key    TEXT,
    run_id         TEXT,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    answers_json   TEXT,
    resolved_by    TEXT,
    resolution_id  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX question_pending ON question (created_at) WHERE status = 'pending';
CREATE INDEX question_ended ON question (created_at) WHERE status <> 'pending';
CREATE INDEX session_updated ON session (updated_at DESC, key, archived, agent, family);
CREATE INDEX session_interaction ON session (last_interaction_at DESC, key, archived, agent, family);
CREATE INDEX session_label ON session (label) WHERE label IS NOT NULL;
CREATE INDEX session_transcript ON session (session_id);
CREATE INDEX session_category ON session (category) WHERE category IS NOT NULL;
CREATE TABLE session_count (
  agent    TEXT NOT NULL,
  family   TEXT NOT NULL,
  archived INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  PRIMARY KEY (agent, family, archived)
) WITHOUT ROWID;
CREATE TRIGGER session_came AFTER INSERT ON session BEGIN
  INSERT OR IGNORE INTO session_count (agent, family, archived, number) VALUES (NEW.agent, NEW.family, NEW.archived, 0);
  UPDATE session_count SET number = number + 1
    WHERE agent = NEW.agent AND family = NEW.family AND archived = NEW.archived;
END;
CREATE TRIGGER session_went AFTER DELETE ON session BEGIN
  UPDATE session_count SET number = number - 1
    WHERE agent = OLD.agent AND family = OLD.family AND archived = OLD.archived;
END;
CREATE TRIGGER session_moved AFTER UPDATE OF agent, family, archived ON session
  WHEN OLD.agent <> NEW.agent OR OLD.family <> NEW.family OR OLD.archived <> NEW.archived BEGIN
  UPDATE session_count SET number = number - 1
    WHERE agent = OLD.agent AND family = OLD.family AND archived = OLD.archived;
  INSERT OR IGNORE INTO session_count (agent, family, archived, number) VALUES (NEW.agent, NEW.family, NEW.archived, 0);
  UPDATE session_count SET number = number + 1
    WHERE agent = NEW.agent AND family = NEW.family AND archived = NEW.archived;
END;
CREATE TABLE transcript_fork (
  session_id TEXT NOT NULL,
  sequence   INTEGER NOT NULL,
  parent     INTEGER NOT NULL,
  PRIMARY KEY (session_id, sequence)
) WITHOUT ROWID;
CREATE INDEX transcript_boundary ON transcript (session_id, sequence) WHERE role = 'compaction';
CREATE TABLE usage_session (
  session_id   TEXT NOT NULL,
  day          TEXT NOT NULL,
  quarter      INTEGER NOT NULL,
  provider     TEXT NOT NULL,
  model        TEXT NOT NULL,
  key          TEXT NOT NULL,
  agent        TEXT NOT NULL,
  calls        INTEGER NOT NULL DEFAULT 0,
  questions    INTEGER NOT NULL DEFAULT 0,
  answers      INTEGER NOT NULL DEFAULT 0,
  errors       INTEGER NOT NULL DEFAULT 0,
  input        INTEGER NOT NULL DEFAULT 0,
  output       INTEGER NOT NULL DEFAULT 0,
  cache_read   INTEGER NOT NULL DEFAULT 0,
  cache_write  INTEGER NOT NULL DEFAULT 0,
  cost_usd     REAL NOT NULL DEFAULT 0,
  unpriced     INTEGER NOT NULL DEFAULT 0,
  wait_ms      INTEGER NOT NULL DEFAULT 0,
  wait_ms_min  INTEGER NOT NULL DEFAULT 0,
  wait_ms_max  INTEGER NOT NULL DEFAULT 0,
  first_at     INTEGER NOT NULL,
  last_at      INTEGER NOT NULL,
  PRIMARY KEY (session_id, day, quarter, provider, model)
) WITHOUT ROWID;
CREATE INDEX usage_session_day ON usage_session (day, session_id);
CREATE INDEX usage_session_key ON usage_session (key, day);
CREATE TABLE media (
  digest     TEXT PRIMARY KEY,
  mime       TEXT NOT NULL,
  bytes      INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  used_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX media_used ON media (used_at);
CREATE TABLE audit (
  id          INTEGER PRIMARY KEY,
  at          INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  action      TEXT NOT NULL,
  actor       TEXT NOT NULL,
  target      TEXT NOT NULL,
  outcome     TEXT NOT NULL,
  count       INTEGER NOT NULL,
  detail_json TEXT,
  previous    TEXT NOT NULL,
  digest      TEXT NOT NULL
);
CREATE INDEX audit_kind ON audit (kind, id);
CREATE TABLE node (
  device_id     TEXT PRIMARY KEY,
  declared_json TEXT NOT NULL,
  approved_json TEXT,
  name          TEXT,
  approved_at   INTEGER,
  work_revision INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE node_request (
  request_id   TEXT PRIMARY KEY,
  device_id    TEXT NOT NULL UNIQUE,
  surface_json TEXT NOT NULL,
  created_at   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE node_work (
  work_id    TEXT PRIMARY KEY,
  device_id  TEXT NOT NULL,
  kind       TEXT NOT NULL,
  rank       INTEGER NOT NULL,
  body_json  TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
) WITHOUT ROWID;
CREATE INDEX node_work_of ON node_work (device_id, rank DESC, created_at);
