-- What people and programs did to the gateway. Rows are only ever added at the end and removed at the beginning; each
-- names the digest of the one before it, so that a changed row is noticed.
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
