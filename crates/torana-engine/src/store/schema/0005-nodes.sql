-- Nodes: what they offer, what of it was approved, and the work that waits for them.

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
