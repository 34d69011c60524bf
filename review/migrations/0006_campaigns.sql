-- Accounts that act together, as decisions told it, and what automation has in force. Both are part of the fold; times are log time, ms.
CREATE TABLE campaigns (
    id          TEXT PRIMARY KEY,
    opened_at   INTEGER NOT NULL,
    grown_at    INTEGER NOT NULL,
    merged_into TEXT NOT NULL DEFAULT ''  -- the campaign that it became a part of
) STRICT, WITHOUT ROWID;
CREATE INDEX campaigns_by_growth ON campaigns (grown_at) WHERE merged_into = '';
CREATE TABLE campaign_members (
    account   TEXT PRIMARY KEY,
    campaign  TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    told      INTEGER NOT NULL,           -- whether a decision is about it; else it was only named by others
    score     REAL
) STRICT, WITHOUT ROWID;
CREATE INDEX members_of_campaign ON campaign_members (campaign, account);
-- Who named whom.
CREATE TABLE campaign_links (
    account   TEXT NOT NULL,
    companion TEXT NOT NULL,
    PRIMARY KEY (account, companion)
) STRICT, WITHOUT ROWID;
CREATE INDEX links_to ON campaign_links (companion);

-- What automation has in force, one an account and scope, and which version did it.
CREATE TABLE restricted (
    account  TEXT NOT NULL,
    scope    TEXT NOT NULL,
    decision TEXT NOT NULL,
    action   TEXT NOT NULL,
    source   TEXT NOT NULL,               -- rule, model, blocklist
    rule     TEXT NOT NULL,               -- its rule, score band or list
    reason   TEXT NOT NULL,
    version  TEXT NOT NULL,               -- of the policy, model or lists
    issued   INTEGER NOT NULL,
    expires  INTEGER,
    PRIMARY KEY (account, scope)
) STRICT, WITHOUT ROWID;
CREATE INDEX restricted_by ON restricted (source, rule, version);
CREATE INDEX restricted_by_age ON restricted (issued);

-- An act on many may be about cases, about a campaign's members, or about what a version did.
ALTER TABLE bulks ADD COLUMN kind TEXT NOT NULL DEFAULT 'cases';   -- cases, campaign, version
ALTER TABLE bulks ADD COLUMN target TEXT NOT NULL DEFAULT '';      -- the campaign, or source, rule and version
CREATE INDEX bulks_by_target ON bulks (target, made_at);
CREATE TABLE bulk_parts (
    bulk     TEXT NOT NULL,
    item     TEXT NOT NULL,               -- a case, an account or a decision
    account  TEXT NOT NULL,
    case_id  TEXT NOT NULL DEFAULT '',
    decision TEXT NOT NULL DEFAULT '',
    what     TEXT NOT NULL DEFAULT '',    -- the action in force as it was proposed
    lot      INTEGER NOT NULL,            -- a sample is the lowest
    state    TEXT NOT NULL,               -- waiting, done, passed_over, undone
    review   TEXT NOT NULL DEFAULT '',
    why      TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (bulk, item)
) STRICT, WITHOUT ROWID;
INSERT INTO bulk_parts (bulk, item, account, case_id, lot, state, review, why)
    SELECT bulk, case_id, coalesce((SELECT account FROM cases WHERE id = case_id), ''), case_id, lot, state, review, why
    FROM bulk_items;
DROP TABLE bulk_items;
ALTER TABLE bulk_parts RENAME TO bulk_items;
CREATE INDEX bulk_items_left ON bulk_items (bulk, state);
CREATE INDEX bulk_items_of_account ON bulk_items (account);

-- Short ids by which addresses name accounts. No part of the fold.
CREATE TABLE handles (
    handle  TEXT PRIMARY KEY,
    account TEXT NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
