-- What people say about labels: samples drawn for review, the sheets written for them, decisions,
-- and the certificates that rest on them. Rows are only ever added.

CREATE TABLE samples (
  sample_id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs,      -- whose labels are reviewed
  unit TEXT NOT NULL CHECK (unit IN ('observation', 'asset', 'pair')),
  purpose TEXT NOT NULL CHECK (purpose IN ('development', 'calibration', 'certification')),
  method TEXT NOT NULL CHECK (method IN ('simple', 'stratified', 'chosen')),
  by_field TEXT,                   -- whose machine labels are the strata
  seed INTEGER NOT NULL,
  fields TEXT NOT NULL,            -- JSON: the fields as the task defined them, with fingerprints
  domain TEXT NOT NULL,            -- JSON: snapshot, asset type, bounds
  strata TEXT NOT NULL,            -- JSON: [name, units in the population]
  suspicious_from REAL,            -- suspicion from which a unit is in the stratum "suspicious"
  drawn_at TEXT NOT NULL
);

-- `probability`: that of being drawn, up to this batch; NULL when a unit was chosen, not drawn.
-- `labels` and `ordinals` have one entry per part: one, but two for a pair (before, after).
CREATE TABLE sample_units (
  sample_id INTEGER NOT NULL REFERENCES samples,
  item INTEGER NOT NULL,           -- from 1, in the order of drawing
  unit TEXT NOT NULL,
  stratum TEXT NOT NULL,
  probability REAL,
  batch INTEGER NOT NULL,          -- from 1; a sample that was extended has several
  ordinals TEXT NOT NULL,          -- JSON: the photos of each part
  labels TEXT NOT NULL,            -- JSON: what the machine said when the sample was drawn
  PRIMARY KEY (sample_id, item)
) WITHOUT ROWID;

-- A sheet is a sample written down for reviewers; its token stands in each of its rows.
CREATE TABLE sheets (
  token TEXT PRIMARY KEY,
  sample_id INTEGER NOT NULL REFERENCES samples,
  labels_shown INTEGER NOT NULL,   -- 1: the machine's labels are on it
  conflicts_only INTEGER NOT NULL, -- 1: for adjudication
  written_at TEXT NOT NULL
) WITHOUT ROWID;

-- The newest row of a reviewer about an item's part and field is what that reviewer says.
CREATE TABLE decisions (
  decision_id INTEGER PRIMARY KEY,
  sample_id INTEGER NOT NULL,
  item INTEGER NOT NULL,
  part INTEGER NOT NULL,           -- 0; of a pair 0 is before and 1 after
  field TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('value', 'unclear', 'retracted')),
  value TEXT,                      -- JSON; null: the field does not apply
  reviewer TEXT NOT NULL,
  simulated INTEGER NOT NULL,      -- 1: not a person
  adjudicates INTEGER NOT NULL,    -- 1: settles what two reviewers disagree on
  label_seen INTEGER NOT NULL,     -- 1: the reviewer saw the machine's label before
  decided_at TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  FOREIGN KEY (sample_id, item) REFERENCES sample_units
);
CREATE INDEX decisions_sample ON decisions (sample_id, item);

-- What a sample's labels were used for besides its purpose: a label used once certifies nothing.
CREATE TABLE sample_uses (
  sample_id INTEGER NOT NULL REFERENCES samples,
  used_for TEXT NOT NULL,
  used_at TEXT NOT NULL
);

-- Every look at a sample that gave a figure. `decision_id`: the newest decision it rests on.
CREATE TABLE certificates (
  certificate_id INTEGER PRIMARY KEY,
  sample_id INTEGER NOT NULL REFERENCES samples,
  claim TEXT NOT NULL,             -- JSON: field, class, measure, domain, confidence, mode
  reviewed INTEGER NOT NULL,
  decision_id INTEGER NOT NULL,
  sentence TEXT NOT NULL,
  document TEXT NOT NULL,          -- JSON: every figure, and what it is bound to
  issued_at TEXT NOT NULL
);

-- What each reviewer says now, and what the machine had said.
CREATE VIEW reviewed AS
SELECT
  d.sample_id, d.item, d.part, u.unit, u.stratum, u.probability, d.field, d.verdict, d.value,
  u.labels -> ('$[' || d.part || '].' || d.field) AS label,
  d.reviewer, d.simulated, d.adjudicates, d.label_seen, d.decided_at, s.run_id, s.purpose
FROM decisions AS d
JOIN sample_units AS u USING (sample_id, item)
JOIN samples AS s USING (sample_id)
WHERE d.verdict <> 'retracted' AND d.decision_id = (
  SELECT max(decision_id) FROM decisions AS e
  WHERE e.sample_id = d.sample_id AND e.item = d.item AND e.part = d.part AND e.field = d.field
    AND e.reviewer = d.reviewer
);
