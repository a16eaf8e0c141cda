-- One shape for all records: the rows of an aggregate, which is changed as one, and the entries of the lists that follow.
CREATE TABLE IF NOT EXISTS aggregates (tbl TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, UNIQUE (tbl, id));
CREATE TABLE IF NOT EXISTS rows (tbl TEXT NOT NULL, id TEXT NOT NULL, row TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (tbl, id, row));
CREATE TABLE IF NOT EXISTS lists (
  list TEXT NOT NULL,
  part TEXT NOT NULL,
  sort TEXT NOT NULL,
  stamp INTEGER NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (list, part, sort)
);
