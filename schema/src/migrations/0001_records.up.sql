-- The records: keys and what is looked up by stand in columns, the rest in BSON bodies.
CREATE TABLE IF NOT EXISTS ops (
  op_id BLOB NOT NULL UNIQUE,
  verb TEXT NOT NULL,
  actor TEXT NOT NULL,
  at INTEGER NOT NULL,
  answer BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS customers (id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS join_tokens (hash BLOB NOT NULL UNIQUE, customer TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS names (kind TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, UNIQUE (kind, name));

CREATE TABLE IF NOT EXISTS instances (
  id TEXT NOT NULL UNIQUE,
  customer TEXT NOT NULL,
  state TEXT NOT NULL,
  version INTEGER NOT NULL,
  body BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS tickets (
  system TEXT NOT NULL,
  key TEXT NOT NULL,
  customer TEXT NOT NULL,
  version INTEGER NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (system, key)
);

CREATE TABLE IF NOT EXISTS hooks (
  id TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  ticket_system TEXT,
  ticket_key TEXT,
  body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS hook_revisions (hook TEXT NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (hook, revision));
CREATE TABLE IF NOT EXISTS hook_customers (customer TEXT NOT NULL, hook TEXT NOT NULL, UNIQUE (customer, hook));

CREATE TABLE IF NOT EXISTS revisions (
  digest BLOB NOT NULL UNIQUE,
  hook TEXT NOT NULL,
  state TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS envelopes (digest BLOB NOT NULL UNIQUE, envelope BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS claims (
  digest BLOB NOT NULL,
  instance TEXT NOT NULL,
  state TEXT NOT NULL,
  lease_until INTEGER NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (digest, instance)
);
CREATE TABLE IF NOT EXISTS answers (digest BLOB NOT NULL, instance TEXT NOT NULL, customer TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (digest, instance));

CREATE TABLE IF NOT EXISTS packets (
  claim TEXT NOT NULL UNIQUE,
  hook TEXT NOT NULL,
  instance TEXT NOT NULL,
  customer TEXT NOT NULL,
  ticket_system TEXT,
  ticket_key TEXT,
  day TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  body BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS trust (kind TEXT NOT NULL, revoker BLOB NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (kind, revoker, number));
CREATE TABLE IF NOT EXISTS admissions (keyid BLOB NOT NULL UNIQUE, person TEXT NOT NULL, body BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS people (id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sign_ins (hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, expires_at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS api_tokens (hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, expires_at INTEGER NOT NULL, body BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS control (number INTEGER PRIMARY KEY, body BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS chains (chain TEXT NOT NULL UNIQUE, number INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS events (
  chain TEXT NOT NULL,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  person TEXT,
  hash BLOB NOT NULL,
  stored BLOB NOT NULL,
  personal BLOB,
  UNIQUE (chain, number)
);

-- Projections: search terms and day statistics.
CREATE TABLE IF NOT EXISTS terms (
  term TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  UNIQUE (term, kind, id)
);
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
