-- Which model's version something rests on, by its score band or by a rule over its score; '': none.
ALTER TABLE restricted ADD COLUMN model TEXT NOT NULL DEFAULT '';
UPDATE restricted SET model = version WHERE source = 'model';
-- How many cases the filter showed from which an act on many was proposed.
ALTER TABLE bulks ADD COLUMN shown INTEGER NOT NULL DEFAULT 0;
CREATE INDEX restricted_by_model ON restricted (model) WHERE model <> '';
