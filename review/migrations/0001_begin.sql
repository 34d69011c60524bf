-- How far each source of the log was folded; written in the transaction that folds.
CREATE TABLE progress (
    source   TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
