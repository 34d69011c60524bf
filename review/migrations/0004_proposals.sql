-- Versions that somebody proposes to put in force: somebody else does. Times are the wall's, ms since the Unix epoch.
CREATE TABLE proposals (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    version    TEXT NOT NULL,
    note       TEXT NOT NULL,
    made_by    TEXT NOT NULL,
    made_at    INTEGER NOT NULL,
    state      TEXT NOT NULL,            -- open, active (it was put in force, now or once), withdrawn
    decided_by TEXT NOT NULL DEFAULT '',
    decided_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX proposals_by_time ON proposals (made_at);
