-- The fold of the log: cases, what was said about them, and what ranks them. Every time here is log time, ms since the Unix epoch.
CREATE TABLE cases (
    id            TEXT PRIMARY KEY,
    account       TEXT NOT NULL,
    cause         INTEGER NOT NULL,
    state         INTEGER NOT NULL,            -- 0 open, 1 decided, 2 unreviewed
    opened_at     INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    closed_at     INTEGER,
    outcome       TEXT NOT NULL DEFAULT '',
    decision      TEXT NOT NULL DEFAULT '',    -- what is judged
    action        TEXT NOT NULL DEFAULT '',
    rule          TEXT NOT NULL DEFAULT '',
    reason        TEXT NOT NULL DEFAULT '',
    model         TEXT NOT NULL DEFAULT '',
    score         REAL,
    reported      TEXT NOT NULL DEFAULT '',    -- the gravest reason of a report
    heard         REAL NOT NULL,               -- credit of all reports
    class         INTEGER NOT NULL,
    key           REAL NOT NULL,               -- within the class, lowest first
    band          INTEGER NOT NULL,
    lot           INTEGER NOT NULL,
    claimed_by    TEXT NOT NULL DEFAULT '',
    claimed_until INTEGER NOT NULL DEFAULT 0,
    escalated     INTEGER NOT NULL DEFAULT 0,
    excluded      TEXT NOT NULL DEFAULT '',    -- who may not take it
    of_case       TEXT NOT NULL DEFAULT '',    -- of a second review: the first
    reached       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX one_open ON cases (account) WHERE state = 0;
CREATE INDEX of_account ON cases (account, opened_at);
CREATE INDEX queue ON cases (escalated, class, key, id) WHERE state = 0;
CREATE INDEX lots ON cases (band, lot, id) WHERE state = 0 AND class = 2 AND escalated = 0;
CREATE INDEX queue_rule ON cases (rule, class, key, id) WHERE state = 0;
CREATE INDEX queue_reason ON cases (reason, class, key, id) WHERE state = 0;
CREATE INDEX queue_due ON cases (class, due_at) WHERE state = 0;
CREATE INDEX queue_opened ON cases (opened_at) WHERE state = 0;
CREATE INDEX held ON cases (claimed_by, claimed_until) WHERE state = 0 AND claimed_by <> '';
CREATE INDEX closed ON cases (closed_at) WHERE state <> 0;

-- What opened or raised a case, so that a repeated record does nothing.
CREATE TABLE causes (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX causes_of_account ON causes (account);

-- What is known besides, for filters; looked up outside of the log, so no part of the fold.
CREATE TABLE facts (
    account TEXT PRIMARY KEY,
    country TEXT NOT NULL,
    age_h   REAL
) STRICT, WITHOUT ROWID;

-- Who passed a case over: it is not offered to them again.
CREATE TABLE skips (
    case_id TEXT NOT NULL,
    actor   TEXT NOT NULL,
    PRIMARY KEY (case_id, actor)
) STRICT, WITHOUT ROWID;

-- Everything that reviewers said, in log order.
CREATE TABLE said (
    position INTEGER NOT NULL,
    id       TEXT PRIMARY KEY,
    case_id  TEXT NOT NULL,
    account  TEXT NOT NULL,
    actor    TEXT NOT NULL,
    at       INTEGER NOT NULL,
    act      TEXT NOT NULL,
    body     TEXT NOT NULL,
    counts   INTEGER NOT NULL,               -- whether the case obeyed it
    undone   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX said_of_case ON said (case_id, position);
CREATE INDEX said_of_account ON said (account, position);

-- Labels, for quality.
CREATE TABLE labels (
    review  TEXT PRIMARY KEY,
    case_id TEXT NOT NULL,
    account TEXT NOT NULL,
    actor   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    label   TEXT NOT NULL,
    blind   INTEGER NOT NULL
) STRICT;
CREATE INDEX labels_of_case ON labels (case_id);
CREATE INDEX labels_of_account ON labels (account);

-- Decisions about accounts that have an open case, and those that opened one.
CREATE TABLE decided (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    at      INTEGER NOT NULL,
    body    TEXT NOT NULL
) STRICT;
CREATE INDEX decided_of_account ON decided (account, at);

-- The latest report of each author about an account.
CREATE TABLE reported (
    account TEXT NOT NULL,
    author  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    credit  REAL NOT NULL,
    device  TEXT NOT NULL,
    prefix  TEXT NOT NULL,
    range   TEXT NOT NULL,
    PRIMARY KEY (account, author)
) STRICT, WITHOUT ROWID;
CREATE INDEX reported_at ON reported (at);

-- Single numbers of the fold: the day, and how many claims there were.
CREATE TABLE tally (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was in force before an act, noted by whoever sent it, so that it can be restored. No part of the fold.
CREATE TABLE before (
    review   TEXT PRIMARY KEY,
    account  TEXT NOT NULL,
    standing TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX before_of_account ON before (account);

-- Views of the queue that somebody saved.
CREATE TABLE views (
    owner TEXT NOT NULL,
    name  TEXT NOT NULL,
    query TEXT NOT NULL,
    PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;

-- Acts on many cases at once, and what became of each.
CREATE TABLE bulks (
    id       TEXT PRIMARY KEY,
    owner    TEXT NOT NULL,
    made_at  INTEGER NOT NULL,
    state    TEXT NOT NULL,              -- proposed, running, cancelled, done, undoing, undone
    approver TEXT NOT NULL DEFAULT '',
    act      TEXT NOT NULL,              -- a verdict, or label
    label    TEXT NOT NULL DEFAULT '',
    policy   TEXT NOT NULL DEFAULT '',
    reason   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE bulk_items (
    bulk    TEXT NOT NULL,
    case_id TEXT NOT NULL,
    lot     INTEGER NOT NULL,            -- a sample is the lowest
    state   TEXT NOT NULL,               -- waiting, done, passed_over, undone
    review  TEXT NOT NULL DEFAULT '',
    why     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (bulk, case_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bulk_items_left ON bulk_items (bulk, state);
