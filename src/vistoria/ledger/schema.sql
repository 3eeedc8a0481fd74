-- The ledger: append-only tables; labels, failures and progress are views over them.

-- The manifest. `ordinal` is what results are keyed by: sequential integers keep inserts fast at
-- 10^8 rows. `key` identifies a row of a source: 64 bits of the MD5 of id, address, version,
-- snapshot and box.
CREATE TABLE observations (
  ordinal INTEGER PRIMARY KEY,
  key INTEGER NOT NULL,
  observation_id TEXT NOT NULL,
  uri TEXT NOT NULL,
  version TEXT,
  box_left REAL, box_top REAL, box_right REAL, box_bottom REAL,
  asset_id TEXT,
  asset_type TEXT,
  latitude REAL,
  longitude REAL,
  captured_at TEXT,
  heading REAL,
  snapshot_id TEXT,
  map_url TEXT
);

-- What was asked together: some fields, of one model, with settings that can change the answer.
CREATE TABLE questions (
  question_id INTEGER PRIMARY KEY,
  model TEXT NOT NULL,
  settings TEXT NOT NULL,          -- JSON, sorted keys
  task TEXT NOT NULL,              -- its name
  task_fingerprint TEXT NOT NULL,
  names TEXT NOT NULL,             -- JSON: the fields' names, which fingerprints leave out
  UNIQUE (model, settings, task_fingerprint, names)
);
CREATE TABLE question_fields (
  question_id INTEGER NOT NULL REFERENCES questions,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,              -- the key in attempts.answer
  kind TEXT NOT NULL,              -- choice, choices, text, number, boolean, boxes
  fingerprint TEXT NOT NULL,
  PRIMARY KEY (question_id, position)
) WITHOUT ROWID;

-- One pass over a source with one task and one model; resuming goes on with the same run.
CREATE TABLE runs (
  run_id INTEGER PRIMARY KEY,
  identity TEXT NOT NULL,          -- source, selection, task, model and settings
  source TEXT NOT NULL,
  profile TEXT NOT NULL,
  selection TEXT NOT NULL,         -- JSON
  question_id INTEGER NOT NULL REFERENCES questions,
  vistoria TEXT NOT NULL,          -- the version that began it
  started_at TEXT NOT NULL
);
CREATE INDEX runs_identity ON runs (identity);

-- Each time a run's command was started; `ended_at` stays NULL when the process was killed.
CREATE TABLE sessions (
  session_id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  outcome TEXT                     -- finished, stopped, interrupted, failed
);

-- One row per call to a service, written before it is sent. While it is open, and for good when
-- its outcome was lost, `money` and `tokens` are the most it can have cost; once settled, its bill.
-- NULL: unknown.
CREATE TABLE calls (
  call_id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES sessions,
  run_id INTEGER NOT NULL,
  question_id INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'lost')),
  requests INTEGER NOT NULL,       -- 1, or 0 when it was refused
  money INTEGER,                   -- picodollars: 10^12 are one US dollar
  tokens INTEGER,
  sent_at REAL NOT NULL            -- seconds since 1970
);
-- Two processes cannot have the same call open; open calls are few, so the index stays small.
CREATE UNIQUE INDEX calls_open ON calls (question_id, ordinal) WHERE state = 'open';

-- Lost calls are few too.
CREATE INDEX calls_lost ON calls (run_id) WHERE state = 'lost';

-- What each run has spent and reserved: the sums of its calls, kept in the same transactions;
-- unknown amounts count as 0, and no run with an unknown price has a ceiling of money.
CREATE TABLE spending (
  run_id INTEGER PRIMARY KEY REFERENCES runs,
  requests INTEGER NOT NULL,
  money INTEGER NOT NULL,
  tokens INTEGER NOT NULL
);

-- The observations of a run, as ranges of ordinals.
CREATE TABLE scopes (
  run_id INTEGER NOT NULL REFERENCES runs,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (run_id, first)
) WITHOUT ROWID;

CREATE TABLE attempts (
  attempt_id INTEGER PRIMARY KEY,
  ordinal INTEGER NOT NULL,
  run_id INTEGER NOT NULL,
  question_id INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('answered', 'failed')),
  reason TEXT,
  retryable INTEGER NOT NULL,
  detail TEXT,
  answer TEXT,                     -- JSON: field name → value
  confidence TEXT,                 -- JSON: field name → probability
  model_version TEXT,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  thinking_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  sha256 BLOB,
  identity INTEGER,                -- of what the model saw: 64 bits
  copied INTEGER NOT NULL,         -- 1: the same image had been answered before
  tries INTEGER NOT NULL,
  started_at REAL NOT NULL,        -- seconds since 1970
  seconds REAL NOT NULL
);
CREATE INDEX attempts_latest ON attempts (question_id, ordinal, status);
CREATE INDEX attempts_identity ON attempts (identity, question_id)
  WHERE status = 'answered' AND NOT copied AND identity IS NOT NULL;

-- The accepted answer of each observation and question: the newest.
CREATE VIEW answers AS
SELECT * FROM attempts AS a
WHERE status = 'answered' AND attempt_id = (
  SELECT max(attempt_id) FROM attempts AS b
  WHERE b.question_id = a.question_id AND b.ordinal = a.ordinal AND b.status = 'answered'
);

-- One row per observation, field and question, with its provenance.
CREATE VIEW labels AS
SELECT
  o.ordinal, o.observation_id, o.uri, o.asset_id, o.snapshot_id,
  f.name AS field,
  json_extract(a.answer, '$.' || f.name) AS value,
  json_extract(a.confidence, '$.' || f.name) AS confidence,
  q.model, a.model_version, q.task, q.task_fingerprint, f.fingerprint AS field_fingerprint,
  a.run_id, a.attempt_id, a.question_id, lower(hex(a.sha256)) AS sha256,
  datetime(a.started_at, 'unixepoch') AS answered_at
FROM answers AS a
JOIN observations AS o USING (ordinal)
JOIN questions AS q USING (question_id)
JOIN question_fields AS f USING (question_id)
WHERE json_type(a.answer, '$.' || f.name) <> 'null';

-- Observations without an answer whose newest attempt failed.
CREATE VIEW failures AS
SELECT
  o.ordinal, o.observation_id, o.uri, a.reason, a.detail, a.retryable, a.tries,
  q.model, q.task, a.run_id, a.attempt_id, a.question_id,
  datetime(a.started_at, 'unixepoch') AS failed_at
FROM attempts AS a
JOIN observations AS o USING (ordinal)
JOIN questions AS q USING (question_id)
WHERE a.attempt_id = (
  SELECT max(attempt_id) FROM attempts AS b
  WHERE b.question_id = a.question_id AND b.ordinal = a.ordinal AND b.status = 'failed'
) AND NOT EXISTS (
  SELECT 1 FROM attempts AS b
  WHERE b.question_id = a.question_id AND b.ordinal = a.ordinal AND b.status = 'answered'
);
