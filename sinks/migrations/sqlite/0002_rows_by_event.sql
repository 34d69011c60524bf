-- In a single process a fact that a record caused has the record's place, and a row of its own: rows are told apart by their event, too.
CREATE TABLE rows_by_event (
    place     INTEGER NOT NULL,
    at        INTEGER NOT NULL, -- ms since the Unix epoch
    account   TEXT NOT NULL,
    event     TEXT NOT NULL,
    why       TEXT NOT NULL,
    weight    REAL NOT NULL,
    catalog   TEXT NOT NULL,
    "values"  BLOB NOT NULL,    -- little-endian f32 in catalogue order; NaN: unknown
    score     REAL,
    model     TEXT NOT NULL,
    decisions TEXT NOT NULL,    -- ids, JSON
    UNIQUE (place, event)
) STRICT;
INSERT INTO rows_by_event SELECT place, at, account, event, why, weight, catalog, "values", score, model, decisions FROM rows ORDER BY place;
DROP TABLE rows;
ALTER TABLE rows_by_event RENAME TO rows;
CREATE INDEX rows_of_account ON rows (account, at);
CREATE INDEX rows_by_time ON rows (at);
