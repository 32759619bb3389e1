"""The tables of the queue, as steps that bring any older file up to date."""

from __future__ import annotations

GAP = 1 << 32
"""Between the places of two jobs that were added one after the other: others are moved in between."""

STEPS = (
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
        request TEXT NOT NULL,
        created REAL NOT NULL,
        started REAL,
        finished REAL,
        error TEXT,
        cancel_wanted INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX jobs_by_state ON jobs (state, number)",
    "ALTER TABLE jobs ADD COLUMN user TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE jobs ADD COLUMN asked TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE jobs ADD COLUMN model TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE jobs ADD COLUMN work REAL NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN paused INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN origin TEXT",
    # Which worker runs it, or ran it last.
    "ALTER TABLE jobs ADD COLUMN worker TEXT NOT NULL DEFAULT ''",
    # The order of one user's jobs of one priority.
    "ALTER TABLE jobs ADD COLUMN place INTEGER NOT NULL DEFAULT 0",
    f"UPDATE jobs SET place = number * {GAP}",
    # How often the same user's later jobs were begun before it, while it was the first.
    "ALTER TABLE jobs ADD COLUMN passed INTEGER NOT NULL DEFAULT 0",
    # The turn that its user had before it was begun; given back when the job goes back to its place.
    "ALTER TABLE jobs ADD COLUMN turn_before INTEGER NOT NULL DEFAULT 0",
    # `turn` is the number of the user's latest turn; `passed` says how often later ones went first since then.
    """
    CREATE TABLE job_users (
        user TEXT PRIMARY KEY,
        turn INTEGER NOT NULL DEFAULT 0,
        passed INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
    "INSERT INTO job_users (user) SELECT DISTINCT user FROM jobs",
    "CREATE TABLE job_pause (paused INTEGER NOT NULL)",
    "INSERT INTO job_pause VALUES (0)",
    # Requests are long: what is needed of many jobs is read from indexes alone, which have to hold every column that a
    # query names.
    """
    CREATE INDEX jobs_ready ON jobs (priority, user, place, id, kind, model, work, passed, state, paused)
    WHERE state = 'queued' AND paused = 0
    """,
    "CREATE INDEX jobs_ready_of_model ON jobs (priority, user, model, place) WHERE state = 'queued' AND paused = 0",
    "CREATE INDEX jobs_by_place ON jobs (place, state) WHERE state IN ('queued', 'running')",
    "CREATE INDEX jobs_of_user ON jobs (user, state, number)",
    "CREATE INDEX jobs_repeating ON jobs (origin) WHERE repeats = 1",
    # A second attempt had less to do, so it teaches nothing about durations.
    """
    CREATE INDEX jobs_done_of_model ON jobs (kind, model, number, work, started, finished, state, attempts)
    WHERE state = 'done' AND attempts <= 1
    """,
    """
    CREATE INDEX jobs_done_of_kind ON jobs (kind, number, work, started, finished, state, attempts)
    WHERE state = 'done' AND attempts <= 1
    """,
    "CREATE INDEX jobs_by_origin ON jobs (origin) WHERE origin IS NOT NULL",
    # Whether it is recorded how the pictures come to be.
    "ALTER TABLE jobs ADD COLUMN look_inside INTEGER NOT NULL DEFAULT 0",
)
