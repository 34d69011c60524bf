-- What is kept. `place` is partition * 2^48 + offset: one row for each record of the log.
CREATE TABLE events (
    place   INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL, -- ms since the Unix epoch
    kind    TEXT NOT NULL,
    account TEXT NOT NULL,
    body    TEXT NOT NULL     -- the event, JSON
) STRICT;
CREATE INDEX events_of_account ON events (account, at);
CREATE INDEX events_of_kind ON events (kind, at);

CREATE TABLE decisions (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    issued  INTEGER NOT NULL, -- ms since the Unix epoch
    mode    TEXT NOT NULL,
    rule    TEXT NOT NULL,
    reason  TEXT NOT NULL,    -- code of the leading reason
    body    TEXT NOT NULL     -- the decision, JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_of_account ON decisions (account, seq);
CREATE INDEX decisions_by_time ON decisions (issued);

CREATE TABLE rows (
    place     INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL, -- ms since the Unix epoch
    account   TEXT NOT NULL,
    event     TEXT NOT NULL,
    why       TEXT NOT NULL,
    weight    REAL NOT NULL,
    catalog   TEXT NOT NULL,
    "values"  BLOB NOT NULL,    -- little-endian f32 in catalogue order; NaN: unknown
    score     REAL,
    model     TEXT NOT NULL,
    decisions TEXT NOT NULL     -- ids, JSON
) STRICT;
CREATE INDEX rows_of_account ON rows (account, at);
CREATE INDEX rows_by_time ON rows (at);

CREATE TABLE reviews (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    at      INTEGER NOT NULL, -- ms since the Unix epoch
    body    TEXT NOT NULL     -- the review, JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX reviews_of_account ON reviews (account, at);
CREATE INDEX reviews_by_time ON reviews (at);

CREATE TABLE rejects (
    source    TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset    INTEGER NOT NULL,
    at        INTEGER NOT NULL, -- ms since the Unix epoch
    reason    TEXT NOT NULL,
    detail    TEXT NOT NULL,
    raw_b64   TEXT NOT NULL,
    PRIMARY KEY (source, partition, offset)
) STRICT, WITHOUT ROWID;
CREATE INDEX rejects_by_time ON rejects (at);

-- Accounts that were deleted, so that what comes late of them is not kept.
CREATE TABLE deletions (
    account TEXT PRIMARY KEY,
    at      INTEGER NOT NULL -- ms since the Unix epoch
) STRICT, WITHOUT ROWID;

-- Counts by the minute, made in the transaction that inserts what they count. No account lies here.
CREATE TABLE counts (
    series TEXT NOT NULL,
    minute INTEGER NOT NULL, -- minutes since the Unix epoch
    key    TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (series, minute, key)
) STRICT, WITHOUT ROWID;

-- When each account was first restricted and first reported, ms since the Unix epoch; the largest number: never.
CREATE TABLE firsts (
    account    TEXT PRIMARY KEY,
    restricted INTEGER NOT NULL,
    reported   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each source was taken.
CREATE TABLE progress (
    source   TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
