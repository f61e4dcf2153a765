-- Approvals and questions: what waits for a person, and how it ended.

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
