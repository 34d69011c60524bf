-- What pages showed of accounts, to whom. No part of the fold; times are log time, ms.
CREATE TABLE shown (
    account TEXT NOT NULL,
    actor   TEXT NOT NULL,
    case_id TEXT NOT NULL,               -- '': on a page of no case
    codes   TEXT NOT NULL,               -- words between blanks
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, actor, case_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX shown_at ON shown (at);
