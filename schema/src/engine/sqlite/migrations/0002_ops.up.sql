-- The answers that writes got, by op id, until they are forgotten by age.
CREATE TABLE IF NOT EXISTS ops (
  op_id BLOB NOT NULL UNIQUE,
  verb TEXT NOT NULL,
  actor TEXT NOT NULL,
  at INTEGER NOT NULL,
  answer BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS ops_at ON ops (at);
