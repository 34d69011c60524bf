-- People, their sessions and tries to sign in, and the audit chain. Times are the wall's, ms since the Unix epoch.
CREATE TABLE users (
    id        TEXT PRIMARY KEY,      -- pseudonym: the actor of acts and of the audit chain
    name      TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role      TEXT NOT NULL,
    password  TEXT NOT NULL,         -- Argon2id, as a PHC string
    totp      BLOB,                  -- secret of the second factor; NULL: none
    totp_step INTEGER NOT NULL DEFAULT 0, -- the last step that was taken: a code signs in once
    language  TEXT NOT NULL DEFAULT '',
    theme     TEXT NOT NULL DEFAULT '',
    active    INTEGER NOT NULL DEFAULT 1,
    made_at   INTEGER NOT NULL
) STRICT;
CREATE TABLE recovery_codes (
    user TEXT NOT NULL REFERENCES users (id),
    hash BLOB NOT NULL,
    PRIMARY KEY (user, hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (
    hash    BLOB PRIMARY KEY,        -- SHA-256 of the token, which nobody else has
    user    TEXT NOT NULL REFERENCES users (id),
    made_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    agent   TEXT NOT NULL            -- what the browser calls itself, cut
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user);
-- One-time links: to the first administrator, to whoever is invited, to whoever is to choose a password again.
CREATE TABLE invitations (
    hash    BLOB PRIMARY KEY,        -- SHA-256 of the token
    user    TEXT,                    -- whose password is chosen again; NULL: a person who is new
    name    TEXT NOT NULL,           -- '': chosen by whoever comes
    role    TEXT NOT NULL,
    made_by TEXT NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Tries to sign in that failed, by hash of the name or of the address.
CREATE TABLE tries (
    what     BLOB PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    next_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tries_by_age ON tries (last_at);
-- The audit chain. AUTOINCREMENT remembers the last number, so that an end that was cut off shows.
CREATE TABLE audit (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    what    TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL,
    before  BLOB NOT NULL,           -- hash of the entry before it
    hash    BLOB NOT NULL
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject);
CREATE INDEX audit_by_actor ON audit (actor);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit chain only grows'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit chain only grows'); END;
