-- A model may be proposed as a shadow, which scores beside what decides.
ALTER TABLE proposals ADD COLUMN is_shadow INTEGER NOT NULL DEFAULT 0
