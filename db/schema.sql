-- The database of seqsweep: one file holds every figure of a sweep. It is an interface: query it.
--
--   SELECT model, optimizer, avg(ndcg_10) FROM results WHERE status = 'done' GROUP BY 1, 2;
--
-- Times are milliseconds since 1970 (datetime(start_ms / 1000, 'unixepoch') shows one). Figures that
-- are not a number, or that a run does not have, are NULL. Only the coordinator writes; readers open
-- the file with mode=ro. This script makes a new database; migrations/ brings an older one here.

PRAGMA application_id = 1936814967;  -- 'sqsw': tells it from other SQLite files
PRAGMA user_version = 2;

-- ---- what was asked for ----

CREATE TABLE sweeps (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  yaml TEXT NOT NULL,            -- its settings as last given, with every default, as JSON
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
  run_id TEXT PRIMARY KEY,       -- hash of the config: the same config is the same run in any sweep
  config TEXT NOT NULL CHECK (json_valid(config)),  -- resolved: every setting, defaults too
  dataset TEXT AS (json_extract(config, '$.dataset.name')) STORED,
  model TEXT AS (json_extract(config, '$.model.name')) STORED,
  optimizer TEXT AS (json_extract(config, '$.optimizer.name')) STORED,
  seed INTEGER AS (json_extract(config, '$.seed')) STORED,
  status TEXT NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'running', 'done', 'failed', 'cancelled')),
  attempts INTEGER NOT NULL DEFAULT 0,  -- number of the latest attempt
  error TEXT,                    -- why it failed, when it did
  -- The result; stored in the transaction that sets status to done.
  epochs INTEGER,                -- trained
  best_epoch INTEGER,            -- whose model was tested
  steps INTEGER,
  latency_ms REAL,               -- mean of a recommendation call over the bootstrap samples
  latency_low_ms REAL,           -- its 95 % BCa interval
  latency_high_ms REAL,
  tokens_per_s REAL,             -- language models only
  params INTEGER,
  params_no_embedding INTEGER,
  train_s REAL,
  peak_memory_bytes REAL,        -- of a rank at most, on its device: a GPU, else the host
  device TEXT
) STRICT;
CREATE INDEX runs_by_status ON runs (status);

-- The runs of a sweep in the order of its grid. A run that two sweeps ask for exists once.
CREATE TABLE sweep_runs (
  sweep TEXT NOT NULL REFERENCES sweeps (name),
  run TEXT NOT NULL REFERENCES runs (run_id),
  position INTEGER NOT NULL,     -- from 0
  PRIMARY KEY (sweep, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX sweep_runs_by_run ON sweep_runs (run);

-- A run that needs another run's artifact waits until that run is done.
CREATE TABLE dependencies (
  run TEXT NOT NULL REFERENCES runs (run_id),
  needs_run TEXT NOT NULL REFERENCES runs (run_id),
  PRIMARY KEY (run, needs_run)
) STRICT, WITHOUT ROWID;

-- ---- what happened ----

-- Every start of a coordinator. Only the one with the highest epoch may write: each of its
-- transactions looks here first.
CREATE TABLE coordinators (
  epoch INTEGER PRIMARY KEY,     -- from 1
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER                 -- NULL: running, or killed
) STRICT;

-- Versions and hardware that attempts ran on, each stored once.
CREATE TABLE environments (
  hash TEXT PRIMARY KEY,         -- SHA-256 of json
  json TEXT NOT NULL CHECK (json_valid(json)),
  git_commit TEXT AS (json_extract(json, '$.git_commit')) STORED
) STRICT, WITHOUT ROWID;

-- Each try at a run and how it ended.
CREATE TABLE attempts (
  run TEXT NOT NULL REFERENCES runs (run_id),
  number INTEGER NOT NULL,       -- from 1
  coordinator_epoch INTEGER NOT NULL REFERENCES coordinators (epoch),
  worker INTEGER NOT NULL,       -- world rank of the group's leader
  ranks INTEGER NOT NULL,        -- of the group
  host TEXT NOT NULL,
  environment TEXT REFERENCES environments (hash),
  start_ms INTEGER NOT NULL,
  end_ms INTEGER,                -- NULL: it is running
  cause TEXT,                    -- done, interrupted, cancelled, pruned, coordinator lost, lost, crash, gpu, memory, error, nan, ...
  text TEXT,                     -- the error in full
  resumed_from_step INTEGER,     -- 0: from the start; NULL: it did not get to training
  last_step INTEGER,             -- the last step it told of
  PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

-- What every running attempt told last. A row lives as long as its attempt.
CREATE TABLE leases (
  run TEXT PRIMARY KEY REFERENCES runs (run_id),
  attempt INTEGER NOT NULL,
  renewed_ms INTEGER NOT NULL,
  phase TEXT NOT NULL,           -- prepare, train, evaluate, latency
  step INTEGER NOT NULL,
  epoch INTEGER NOT NULL,        -- epochs done
  epochs INTEGER NOT NULL,       -- most epochs
  fraction REAL,                 -- of the run, from 0 to 1
  seconds_left REAL
) STRICT, WITHOUT ROWID;

-- Faults, retries, shrinks, starts and ends, for people to read.
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  run TEXT,                      -- NULL: about the sweep as a whole
  kind TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_run ON events (run);

-- ---- what came out ----

-- The data sets that runs were done on, by their resolved settings: after filtering, before the split.
CREATE TABLE datasets (
  config TEXT PRIMARY KEY CHECK (json_valid(config)),
  name TEXT AS (json_extract(config, '$.name')) STORED,
  users INTEGER NOT NULL,
  items INTEGER NOT NULL,
  interactions INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE metrics (
  run TEXT NOT NULL REFERENCES runs (run_id),
  epoch INTEGER NOT NULL,        -- epochs of training done
  split TEXT NOT NULL,           -- train, validation, test
  name TEXT NOT NULL,            -- ndcg@10, loss, ...
  value REAL,
  attempt INTEGER NOT NULL,      -- that measured it
  PRIMARY KEY (run, epoch, split, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
  run TEXT NOT NULL REFERENCES runs (run_id),
  step INTEGER NOT NULL,         -- from 1; every train.log_every-th one, all where the batch adapts
  epoch_position REAL,           -- 2.5: half of the third epoch is done
  loss REAL,                     -- mean over the step's targets
  batch_size INTEGER NOT NULL,   -- examples
  h REAL,                        -- USGM: H_k
  beta REAL,                     -- beta-hat_k = <g_k - g_(k-1), x_k - x_(k-1)>
  c1 REAL,                       -- adaptive batch: c1 + c2 / sqrt(batch_size) is fitted to beta-hat (fit: beta) or
  c2 REAL,                       -- beta-hat / r (beta_over_r), c1 + c2 / batch_size to beta-hat / r^2 (beta_over_r2)
  learning_rate REAL,
  attempt INTEGER NOT NULL,      -- that made the step
  microbatches INTEGER,          -- of the step, m_k; NULL: made before schema version 2
  r REAL,                        -- |x_k - x_(k-1)|, the length of the step before
  PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

-- Bootstrap samples of the latency of a recommendation call.
CREATE TABLE latency_samples (
  run TEXT NOT NULL REFERENCES runs (run_id),
  sample INTEGER NOT NULL,       -- from 0
  mean_ms REAL,                  -- after removal of outliers
  users INTEGER NOT NULL,
  user_ms BLOB NOT NULL,         -- float32, little-endian: every drawn user, outliers included
  PRIMARY KEY (run, sample)
) STRICT;

-- The rank that the model gave to each test user's true next item, from 0; -1: not recommended.
-- Any ranking metric and any paired test can be computed from it. See user_rank_rows.
CREATE TABLE user_ranks (
  run TEXT PRIMARY KEY REFERENCES runs (run_id),
  ranks BLOB NOT NULL            -- int32, little-endian: a test user each
) STRICT;

-- Files that a run left: its trained model and what other runs need of it.
CREATE TABLE artifacts (
  run TEXT NOT NULL REFERENCES runs (run_id),
  kind TEXT NOT NULL,            -- model, ...
  path TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (run, kind)
) STRICT, WITHOUT ROWID;

-- ---- views ----

-- One row a run. A run of several sweeps shows the first that asked for it; sweep_runs knows all.
CREATE VIEW results AS
SELECT
  r.run_id,
  (SELECT s.name FROM sweep_runs AS m JOIN sweeps AS s ON s.name = m.sweep
   WHERE m.run = r.run_id ORDER BY s.id LIMIT 1) AS sweep,
  r.dataset, r.model, r.optimizer, r.seed, r.status, r.attempts, r.error, r.epochs,
  (SELECT value FROM metrics WHERE run = r.run_id AND epoch = r.best_epoch AND split = 'test'
   AND name = 'hit@10') AS hit_10,
  (SELECT value FROM metrics WHERE run = r.run_id AND epoch = r.best_epoch AND split = 'test'
   AND name = 'ndcg@10') AS ndcg_10,
  (SELECT value FROM metrics WHERE run = r.run_id AND epoch = r.best_epoch AND split = 'test'
   AND name = 'mrr@10') AS mrr_10,
  r.latency_ms, r.latency_low_ms, r.latency_high_ms, r.tokens_per_s, r.params,
  r.params_no_embedding, r.train_s,
  coalesce(a.ranks, json_extract(r.config, '$.train.ranks')) AS ranks,
  r.device, r.config, e.git_commit
FROM runs AS r
LEFT JOIN attempts AS a ON a.run = r.run_id AND a.number = r.attempts
LEFT JOIN environments AS e ON e.hash = a.environment;

-- user_ranks unpacked: (run, user, rank). Ask for one run: WHERE run = '...'.
CREATE VIEW user_rank_rows AS
WITH RECURSIVE
  users (user) AS (
    SELECT 0
    UNION ALL
    SELECT user + 1 FROM users
    WHERE user + 1 < (SELECT max(length(ranks)) / 4 FROM user_ranks)),
  digits (run, user, hex) AS (
    SELECT run, user, hex(substr(ranks, 4 * user + 1, 4))
    FROM user_ranks JOIN users ON user < length(ranks) / 4),
  unsigned (run, user, value) AS (
    SELECT run, user,
      (instr('123456789ABCDEF', substr(hex, 7, 1)) << 28) |
      (instr('123456789ABCDEF', substr(hex, 8, 1)) << 24) |
      (instr('123456789ABCDEF', substr(hex, 5, 1)) << 20) |
      (instr('123456789ABCDEF', substr(hex, 6, 1)) << 16) |
      (instr('123456789ABCDEF', substr(hex, 3, 1)) << 12) |
      (instr('123456789ABCDEF', substr(hex, 4, 1)) << 8) |
      (instr('123456789ABCDEF', substr(hex, 1, 1)) << 4) |
      instr('123456789ABCDEF', substr(hex, 2, 1))
    FROM digits)
SELECT run, user, iif(value < 2147483648, value, value - 4294967296) AS rank FROM unsigned;
