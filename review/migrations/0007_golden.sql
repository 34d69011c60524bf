-- Golden items: accounts whose answer is known, because two people gave it without seeing each other's; and what others answered. Part
-- of the fold; times are log time, ms.
CREATE TABLE golden (
    account TEXT PRIMARY KEY,
    answer  TEXT NOT NULL,
    first   TEXT NOT NULL,               -- who gave it
    second  TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX golden_by_use ON golden (used_at, account);
CREATE TABLE golden_answers (
    review  TEXT PRIMARY KEY,
    case_id TEXT NOT NULL,
    account TEXT NOT NULL,
    actor   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    answer  TEXT NOT NULL,               -- the known one
    said    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX golden_answers_of_case ON golden_answers (case_id);
CREATE INDEX golden_answers_of_account ON golden_answers (account);
