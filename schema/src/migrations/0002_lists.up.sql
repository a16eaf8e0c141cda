-- Projections that can be made again from the records: search terms and day statistics.
CREATE TABLE IF NOT EXISTS terms (
  term TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  UNIQUE (term, kind, id)
);
CREATE INDEX IF NOT EXISTS terms_of ON terms (kind, id);
CREATE TABLE IF NOT EXISTS found (kind TEXT NOT NULL, id TEXT NOT NULL, title TEXT NOT NULL, UNIQUE (kind, id));
CREATE TABLE IF NOT EXISTS found_customers (kind TEXT NOT NULL, id TEXT NOT NULL, customer TEXT NOT NULL, UNIQUE (kind, id, customer));
CREATE TABLE IF NOT EXISTS day_stats (
  chain TEXT NOT NULL,
  day TEXT NOT NULL,
  kind TEXT NOT NULL,
  count INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  UNIQUE (chain, day, kind)
);
