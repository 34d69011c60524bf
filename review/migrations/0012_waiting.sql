-- Whether the account's holder asks for a review, whatever graver the case is about.
ALTER TABLE cases ADD COLUMN appealed INTEGER NOT NULL DEFAULT 0;
UPDATE cases SET appealed = 1 WHERE cause = 1;
-- Second reviews that say otherwise than the first, and wait until nothing else about the account is open.
CREATE TABLE disagreements (
    second  TEXT PRIMARY KEY,            -- the case of the second review
    account TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX disagreements_of_account ON disagreements (account);
-- Words of the provider that a sign-in ended, until they are good no more: each is heard once. Times are the wall's, ms.
CREATE TABLE logouts (
    number     BLOB PRIMARY KEY,
    good_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
