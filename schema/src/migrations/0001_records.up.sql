-- The records: keys and what is looked up by stand in columns, the rest in BSON bodies.
CREATE TABLE IF NOT EXISTS ops (
  op_id BLOB NOT NULL UNIQUE,
  verb TEXT NOT NULL,
  actor TEXT NOT NULL,
  at INTEGER NOT NULL,
  answer BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS ops_at ON ops (at);

CREATE TABLE IF NOT EXISTS customers (id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS join_tokens (hash BLOB NOT NULL UNIQUE, customer TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS join_tokens_customer ON join_tokens (customer, hash);
CREATE TABLE IF NOT EXISTS names (kind TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, UNIQUE (kind, name));

CREATE TABLE IF NOT EXISTS instances (
  id TEXT NOT NULL UNIQUE,
  customer TEXT NOT NULL,
  state TEXT NOT NULL,
  version INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS instances_customer ON instances (customer, id);
CREATE INDEX IF NOT EXISTS instances_state ON instances (state, id);

CREATE TABLE IF NOT EXISTS tickets (
  system TEXT NOT NULL,
  key TEXT NOT NULL,
  customer TEXT NOT NULL,
  version INTEGER NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (system, key)
);
CREATE INDEX IF NOT EXISTS tickets_customer ON tickets (customer, system, key);

CREATE TABLE IF NOT EXISTS hooks (
  id TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  ticket_system TEXT,
  ticket_key TEXT,
  body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS hooks_state ON hooks (state, id);
CREATE INDEX IF NOT EXISTS hooks_ticket ON hooks (ticket_system, ticket_key, id);
CREATE TABLE IF NOT EXISTS hook_revisions (hook TEXT NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (hook, revision));
CREATE TABLE IF NOT EXISTS hook_customers (customer TEXT NOT NULL, hook TEXT NOT NULL, UNIQUE (customer, hook));
CREATE INDEX IF NOT EXISTS hook_customers_hook ON hook_customers (hook);

CREATE TABLE IF NOT EXISTS revisions (
  digest BLOB NOT NULL UNIQUE,
  hook TEXT NOT NULL,
  state TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS revisions_state ON revisions (state, expires_at);
CREATE INDEX IF NOT EXISTS revisions_hook ON revisions (hook, state);
CREATE TABLE IF NOT EXISTS envelopes (digest BLOB NOT NULL UNIQUE, envelope BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS claims (
  digest BLOB NOT NULL,
  instance TEXT NOT NULL,
  state TEXT NOT NULL,
  lease_until INTEGER NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (digest, instance)
);
CREATE INDEX IF NOT EXISTS claims_leases ON claims (digest, lease_until) WHERE state = 'reserved';
CREATE INDEX IF NOT EXISTS claims_due ON claims (lease_until) WHERE state = 'reserved';
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
CREATE INDEX IF NOT EXISTS packets_ticket ON packets (ticket_system, ticket_key, received_at, claim);
CREATE INDEX IF NOT EXISTS packets_hook ON packets (hook, received_at, claim);
CREATE INDEX IF NOT EXISTS packets_instance ON packets (instance, received_at, claim);
CREATE INDEX IF NOT EXISTS packets_day ON packets (day, received_at, claim);

CREATE TABLE IF NOT EXISTS trust (kind TEXT NOT NULL, revoker BLOB NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (kind, revoker, number));
CREATE TABLE IF NOT EXISTS admissions (keyid BLOB NOT NULL UNIQUE, person TEXT NOT NULL, body BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS people (id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sign_ins (hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, expires_at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS sign_ins_person ON sign_ins (person);
CREATE TABLE IF NOT EXISTS api_tokens (hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, expires_at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS api_tokens_person ON api_tokens (person);

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
CREATE INDEX IF NOT EXISTS events_kind ON events (chain, kind, number);
CREATE INDEX IF NOT EXISTS events_person ON events (chain, person, number);
CREATE INDEX IF NOT EXISTS events_at ON events (chain, at);
