-- Minutes of the wall in which somebody had a case or an account before them: for their own breaks, and for nothing else.
CREATE TABLE exposure (
    person TEXT NOT NULL,
    minute INTEGER NOT NULL, -- since the Unix epoch
    PRIMARY KEY (person, minute)
) STRICT, WITHOUT ROWID
