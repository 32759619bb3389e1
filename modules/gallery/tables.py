"""The tables of pictures. Existing installations go through the steps that they have not seen, in this order."""

from __future__ import annotations

_FACTS = "id, path, width, height, seed, created, job_id, job_index, user, model, sampler"

TABLES = (
    """
    CREATE TABLE pictures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path TEXT NOT NULL UNIQUE,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        seed INTEGER,
        infotext TEXT NOT NULL,
        created REAL NOT NULL,
        job_id TEXT,
        job_index INTEGER,
        UNIQUE (job_id, job_index)
    )
    """,
    "CREATE INDEX pictures_by_time ON pictures (created DESC, id DESC)",
    "CREATE TABLE file_numbers (folder TEXT PRIMARY KEY, last INTEGER NOT NULL)",
    "ALTER TABLE pictures ADD COLUMN user TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE pictures ADD COLUMN model TEXT",
    "ALTER TABLE pictures ADD COLUMN sampler TEXT",
    "CREATE INDEX pictures_unread ON pictures (id) WHERE model IS NULL",
    "CREATE INDEX pictures_of_users ON pictures (user, created DESC, id DESC)",
    # From here on the long texts are in a table of their own, so that the facts of a hundred thousand pictures are
    # read through in a moment. `folder` 0 is that of outputs; `origin` is null until the infotext was looked at;
    # `moving` is 1 while a file is on its way into the bin or out of it.
    """
    CREATE TABLE picture_facts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        folder INTEGER NOT NULL DEFAULT 0,
        path TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        seed INTEGER,
        created REAL NOT NULL,
        job_id TEXT,
        job_index INTEGER,
        user TEXT NOT NULL DEFAULT '',
        model TEXT,
        sampler TEXT,
        origin TEXT,
        favourite INTEGER NOT NULL DEFAULT 0,
        rating INTEGER NOT NULL DEFAULT 0,
        binned REAL,
        moving INTEGER NOT NULL DEFAULT 0,
        problem TEXT NOT NULL DEFAULT '',
        modified INTEGER,
        bytes INTEGER,
        UNIQUE (job_id, job_index)
    )
    """,
    f"INSERT INTO picture_facts ({_FACTS}) SELECT {_FACTS} FROM pictures",
    "CREATE TABLE picture_texts (id INTEGER PRIMARY KEY, infotext TEXT NOT NULL)",
    "INSERT INTO picture_texts SELECT id, infotext FROM pictures",
    # No number of a picture is given twice, also where the latest ones were deleted.
    "DELETE FROM sqlite_sequence WHERE name = 'picture_facts'",
    "INSERT INTO sqlite_sequence SELECT 'picture_facts', seq FROM sqlite_sequence WHERE name = 'pictures'",
    "DROP TABLE pictures",
    "ALTER TABLE picture_facts RENAME TO pictures",
    "CREATE UNIQUE INDEX pictures_by_path ON pictures (folder, path) WHERE binned IS NULL",
    # Holds all that is filtered and counted by, so that the rows themselves are not read for it.
    "CREATE INDEX pictures_by_time ON pictures (created DESC, id DESC, user, model, sampler, width, height, origin, "
    "rating, favourite, folder, seed, binned) WHERE binned IS NULL",
    "CREATE INDEX pictures_of_users ON pictures (user, created DESC, id DESC) WHERE binned IS NULL",
    "CREATE INDEX pictures_by_rating ON pictures (rating DESC, created DESC, id DESC) WHERE binned IS NULL",
    "CREATE INDEX pictures_in_bin ON pictures (created DESC, id DESC) WHERE binned IS NOT NULL",
    "CREATE INDEX pictures_unread ON pictures (id) WHERE origin IS NULL",
    "CREATE INDEX pictures_moving ON pictures (id) WHERE moving = 1",
    "CREATE INDEX pictures_with_problems ON pictures (folder) WHERE problem != ''",
    # The tokenizer takes a run of letters as one word; Chinese and Japanese are brought to it sign by sign.
    """
    CREATE VIRTUAL TABLE picture_words USING fts5(
        prompt, negative, names, tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
    )
    """,
    "CREATE TABLE picture_loras (picture INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (picture, name)) "
    "WITHOUT ROWID",
    "CREATE INDEX pictures_of_loras ON picture_loras (name COLLATE NOCASE, picture)",
    """
    CREATE TABLE albums (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user TEXT NOT NULL,
        name TEXT NOT NULL COLLATE NOCASE,
        created REAL NOT NULL,
        UNIQUE (user, name)
    )
    """,
    "CREATE TABLE album_pictures (album INTEGER NOT NULL, picture INTEGER NOT NULL, added REAL NOT NULL, "
    "PRIMARY KEY (album, picture)) WITHOUT ROWID",
    "CREATE INDEX albums_of_pictures ON album_pictures (picture, album)",
    """
    CREATE TABLE adopted_folders (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path TEXT NOT NULL UNIQUE,
        created REAL NOT NULL,
        looked REAL
    )
    """,
    """
    CREATE TRIGGER picture_goes AFTER DELETE ON pictures BEGIN
        DELETE FROM picture_texts WHERE id = old.id;
        DELETE FROM picture_words WHERE rowid = old.id;
        DELETE FROM picture_loras WHERE picture = old.id;
        DELETE FROM album_pictures WHERE picture = old.id;
    END
    """,
    "CREATE TRIGGER album_goes AFTER DELETE ON albums BEGIN DELETE FROM album_pictures WHERE album = old.id; END",
)
