-- What events told of (functions/): one row per generation of an object that a run heard of.
CREATE TABLE arrivals (
  run_id INTEGER NOT NULL REFERENCES runs,
  uri TEXT NOT NULL,
  generation INTEGER NOT NULL,
  ordinal INTEGER,                 -- NULL: a newer generation had come before
  first_at REAL NOT NULL,          -- when it was told first, seconds since 1970
  deliveries INTEGER NOT NULL,
  given_up INTEGER NOT NULL,       -- 1: transient failures went on for too long
  dead_letter TEXT,                -- the message that the dead-letter topic took
  PRIMARY KEY (run_id, uri, generation)
) WITHOUT ROWID;

-- Deliveries that are no news of an image: acknowledged, and kept to be looked at.
CREATE TABLE strays (
  stray_id INTEGER PRIMARY KEY,
  identity TEXT NOT NULL UNIQUE,   -- of the delivery: its source and id, else a hash of its body
  why TEXT NOT NULL,               -- malformed, other_type, not_an_image, elsewhere
  said TEXT NOT NULL,
  body TEXT NOT NULL,              -- its first 2,000 characters
  deliveries INTEGER NOT NULL,
  first_at REAL NOT NULL,
  last_at REAL NOT NULL
);
