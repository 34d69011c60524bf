-- Who comes by a provider of OpenID Connect: found by issuer and subject alone. Times are the wall's, ms since the Unix epoch.
CREATE TABLE identities (
    issuer      TEXT NOT NULL,
    subject     TEXT NOT NULL,           -- the provider's own number of a person, which never changes
    user        TEXT NOT NULL REFERENCES users (id),
    by_provider INTEGER NOT NULL,        -- made by the provider's word, which gives the role each time
    made_at     INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_of_user ON identities (user);
