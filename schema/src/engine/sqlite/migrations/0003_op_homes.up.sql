-- Which answers are of which aggregate, where they are forgotten when it is erased.
CREATE TABLE IF NOT EXISTS op_homes (home TEXT NOT NULL, op_id BLOB NOT NULL, at INTEGER NOT NULL, UNIQUE (home, op_id));
CREATE INDEX IF NOT EXISTS op_homes_at ON op_homes (at);
