-- What a provider answers later, many observations at a time: batch jobs.

-- NULL: a call that a session waits for. Else its outcome comes with the job, and the call stays
-- open however the session ends.
ALTER TABLE calls ADD COLUMN job_id INTEGER REFERENCES jobs;

CREATE TABLE jobs (
  job_id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs,
  question_id INTEGER NOT NULL REFERENCES questions,
  name TEXT NOT NULL UNIQUE,       -- fixed before it is submitted, so that it can be looked up
  -- filling: rows are being reserved; ready: it may have been submitted; submitted: it surely was;
  -- done: its results are here; dropped: it surely never was submitted.
  state TEXT NOT NULL CHECK (state IN ('filling', 'ready', 'submitted', 'done', 'dropped')),
  resource TEXT,                   -- what the provider calls it
  said TEXT,                       -- queued, running, succeeded, failed, expired or cancelled
  detail TEXT,                     -- why it failed
  rows INTEGER NOT NULL,
  done_rows INTEGER,               -- as the provider counts them
  made_at TEXT NOT NULL,
  submitted_at TEXT,
  ended_at TEXT
);

-- `mark` names what the row's request carries, 64 bits: results come back in any order, and not
-- every service hands back a key. `identity`, `sha256`: see attempts.
CREATE TABLE job_rows (
  job_id INTEGER NOT NULL REFERENCES jobs,
  ordinal INTEGER NOT NULL,
  call_id INTEGER NOT NULL REFERENCES calls,
  mark INTEGER NOT NULL,
  identity INTEGER,
  sha256 BLOB,
  PRIMARY KEY (job_id, ordinal)
) WITHOUT ROWID;
CREATE INDEX job_rows_mark ON job_rows (job_id, mark);
