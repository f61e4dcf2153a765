-- Sessions in full: branches of a transcript, more settings, usage per session, attached files, fast lists.

-- The last line of the branch in use, while it is not the newest line of all.
ALTER TABLE session ADD COLUMN leaf INTEGER;
-- What kind of session the key names; lists leave some kinds out.
ALTER TABLE session ADD COLUMN family TEXT NOT NULL DEFAULT 'chat';
ALTER TABLE session ADD COLUMN category TEXT;
ALTER TABLE session ADD COLUMN parent_key TEXT;
ALTER TABLE session ADD COLUMN fork_json TEXT;
-- Names, icon and colour for pages.
ALTER TABLE session ADD COLUMN face_json TEXT;
ALTER TABLE session ADD COLUMN archived_at INTEGER;
ALTER TABLE session ADD COLUMN pinned_at INTEGER;
ALTER TABLE session ADD COLUMN read_at INTEGER;
ALTER TABLE session ADD COLUMN marked_unread_at INTEGER;
ALTER TABLE session ADD COLUMN last_run TEXT;
ALTER TABLE session ADD COLUMN last_error TEXT;
ALTER TABLE session ADD COLUMN compactions INTEGER NOT NULL DEFAULT 0;

UPDATE session SET family = CASE
  WHEN key = 'global' THEN 'global'
  WHEN key LIKE 'agent:%:main' AND length(key) - length(replace(key, ':', '')) = 2 THEN 'main'
  WHEN key LIKE 'agent:%:subagent:%' OR key LIKE 'agent:%:acp:%' THEN 'subagent'
  WHEN key LIKE 'agent:%:cron:%' THEN 'cron'
  ELSE 'chat' END;

-- Wide enough that a page and its filters are found without reading rows.
DROP INDEX session_updated;
CREATE INDEX session_updated ON session (updated_at DESC, key, archived, agent, family);
CREATE INDEX session_interaction ON session (last_interaction_at DESC, key, archived, agent, family);
CREATE INDEX session_label ON session (label) WHERE label IS NOT NULL;
CREATE INDEX session_transcript ON session (session_id);
CREATE INDEX session_category ON session (category) WHERE category IS NOT NULL;

-- How many sessions there are, kept up by triggers: counting a hundred thousand rows for every page is too slow.
CREATE TABLE session_count (
  agent    TEXT NOT NULL,
  family   TEXT NOT NULL,
  archived INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  PRIMARY KEY (agent, family, archived)
) WITHOUT ROWID;
INSERT INTO session_count (agent, family, archived, number)
  SELECT agent, family, archived, count(*) FROM session GROUP BY agent, family, archived;
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

-- Lines that do not continue the line before them.
CREATE TABLE transcript_fork (
  session_id TEXT NOT NULL,
  sequence   INTEGER NOT NULL,
  parent     INTEGER NOT NULL,
  PRIMARY KEY (session_id, sequence)
) WITHOUT ROWID;
-- Summaries that stand for what came before them.
CREATE INDEX transcript_boundary ON transcript (session_id, sequence) WHERE role = 'compaction';
ALTER TABLE archived_session ADD COLUMN leaf INTEGER;

-- Usage of a session in quarters of an hour of UTC, so that a day of any time zone can be put together from it.
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

-- Files that came with messages. The bytes are in the state directory, named by their digest.
CREATE TABLE media (
  digest     TEXT PRIMARY KEY,
  mime       TEXT NOT NULL,
  bytes      INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  used_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX media_used ON media (used_at);
