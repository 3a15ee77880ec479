"""What does the data store look like on disk? As it began, and what each migration added to it."""

TABLES = (
    """
    CREATE TABLE owner (
        connection INTEGER PRIMARY KEY,  -- the subject of its events
        tenant     TEXT NOT NULL,
        name       TEXT NOT NULL         -- tenant/provider or tenant/provider/account
    ) STRICT
    """,
    """
    CREATE TABLE stream (
        id         INTEGER PRIMARY KEY,
        connection INTEGER NOT NULL,
        provider   TEXT NOT NULL,
        name       TEXT NOT NULL,
        head       INTEGER NOT NULL DEFAULT 0,  -- the version that is visible; 0: none yet
        UNIQUE (connection, name)
    ) STRICT
    """,
    """
    CREATE TABLE version (
        stream  INTEGER NOT NULL REFERENCES stream (id),
        version INTEGER NOT NULL,  -- the number of the sync's first event
        rows    INTEGER NOT NULL,
        digest  BLOB NOT NULL,     -- of the whole content, see daemon/store/rows.py
        cursor  TEXT,              -- JSON; where the next fetch goes on
        PRIMARY KEY (stream, version)
    ) STRICT
    """,
    """
    CREATE TABLE record (
        id     INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL REFERENCES stream (id),
        key    TEXT NOT NULL,      -- JSON of the primary key
        digest BLOB NOT NULL,
        since  INTEGER NOT NULL,   -- the version that wrote it
        until  INTEGER,            -- the version that replaced or removed it
        body   TEXT NOT NULL       -- JSON, keys sorted
    ) STRICT
    """,
    "CREATE UNIQUE INDEX record_current ON record (stream, key) WHERE until IS NULL",
    """
    CREATE TABLE staged (
        id       INTEGER PRIMARY KEY,
        stream   INTEGER NOT NULL,
        version  INTEGER NOT NULL,
        key      TEXT NOT NULL,
        digest   BLOB NOT NULL,
        replaces INTEGER,          -- the current record that it replaces or removes
        body     TEXT              -- NULL: removed
    ) STRICT
    """,
    "CREATE UNIQUE INDEX staged_key ON staged (stream, key)",
    """
    CREATE TABLE field (
        provider TEXT NOT NULL,
        stream   TEXT NOT NULL,
        name     TEXT NOT NULL,
        PRIMARY KEY (provider, stream, name)
    ) STRICT
    """,
)

DAYS_AND_TYPES = (
    # The day (ISO date) of the window that a row came in last; NULL outside windows.
    "ALTER TABLE record ADD COLUMN day TEXT",
    # A view is called provider_stream, so without an underscore this takes no name from any.
    "CREATE INDEX daily ON record (stream, day) WHERE until IS NULL AND day IS NOT NULL",
    "ALTER TABLE staged ADD COLUMN day TEXT",
    "DROP INDEX staged_key",
    "CREATE UNIQUE INDEX staged_key ON staged (stream, key, coalesce(day, ''))",
    # JSON: the type of each column, as the values of this version were read.
    "ALTER TABLE version ADD COLUMN types TEXT",
    """
    CREATE TABLE moved (
        stream  INTEGER NOT NULL,
        version INTEGER NOT NULL,
        record  INTEGER NOT NULL,  -- a current record that came unchanged, but in another window
        day     TEXT NOT NULL,     -- that window
        PRIMARY KEY (stream, record)
    ) STRICT, WITHOUT ROWID
    """,
)

OUTBOX = """
    CREATE TABLE outbox (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: events speak of it
        connection INTEGER NOT NULL,
        method     TEXT NOT NULL,
        path       TEXT NOT NULL,  -- with its query, from the provider's base URL on
        headers    TEXT NOT NULL,  -- JSON
        body       BLOB,
        kind       TEXT NOT NULL,
        key        TEXT            -- by which the provider knows it again
    ) STRICT
    """

FORMER_PROVIDERS = (
    """
    CREATE TABLE stream_anew (
        id         INTEGER PRIMARY KEY,
        connection INTEGER NOT NULL,
        provider   TEXT NOT NULL,               -- whose records these are, also once it has moved
        name       TEXT NOT NULL,
        head       INTEGER NOT NULL DEFAULT 0,  -- the version that is visible; 0: none yet
        UNIQUE (connection, provider, name)
    ) STRICT
    """,
    """
    INSERT INTO stream_anew (id, connection, provider, name, head)
    SELECT id, connection, provider, name, head FROM stream
    """,
    "DROP TABLE stream",
    "ALTER TABLE stream_anew RENAME TO stream",
)

ANY_VERSION = (
    # Without an underscore, as `daily` is: no view of a stream can be called so.
    "CREATE INDEX written ON record (stream, since)",
    "CREATE INDEX replaced ON record (stream, until) WHERE until IS NOT NULL",
    "CREATE INDEX former ON record (stream, key, until, since) WHERE until IS NOT NULL",
    """
    CREATE VIEW versions AS
    SELECT
        owner.tenant AS tenant, owner.name AS connection, stream.provider AS provider,
        stream.name AS stream, version.version AS version, version.rows AS rows,
        version.version = stream.head AS current, stream.id AS stream_id
    FROM version JOIN stream ON stream.id = version.stream
    JOIN owner ON owner.connection = stream.connection
    WHERE version.version <= stream.head
    """,
)

QUARANTINE = (
    # JSON: the fields that every record of an answer had, with their types.
    "ALTER TABLE version ADD COLUMN profile TEXT",
    # JSON: what taking it over changes; of a version that is not in force yet.
    "ALTER TABLE version ADD COLUMN offer TEXT",
    """
    CREATE TABLE held (
        id       INTEGER PRIMARY KEY,
        stream   INTEGER NOT NULL,
        version  INTEGER NOT NULL,
        key      TEXT NOT NULL,
        digest   BLOB NOT NULL,
        replaces INTEGER,          -- the record that it would replace or remove
        body     TEXT,             -- NULL: it would be removed
        day      TEXT
    ) STRICT
    """,
    "CREATE INDEX heldkey ON held (stream, key)",
    """
    CREATE TABLE heldmove (
        stream  INTEGER NOT NULL,
        version INTEGER NOT NULL,
        record  INTEGER NOT NULL,  -- a record that came unchanged, but in another window
        day     TEXT NOT NULL,     -- that window
        PRIMARY KEY (stream, record)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE quarantine (
        stream  INTEGER PRIMARY KEY,
        version INTEGER NOT NULL,  -- the number of the sync that fetched it
        base    INTEGER NOT NULL,  -- the version that it was compared with
        rows    INTEGER NOT NULL,
        digest  BLOB NOT NULL,
        cursor  TEXT,
        types   TEXT,
        profile TEXT,
        offer   TEXT NOT NULL      -- JSON: what taking it over changes
    ) STRICT
    """,
    """
    CREATE TABLE doubted (
        stream  INTEGER PRIMARY KEY,
        version INTEGER NOT NULL,  -- the last one of which a guard doubted an answer
        offer   TEXT NOT NULL
    ) STRICT
    """,
)

TOLD = (
    # JSON: by which fields its records are told apart and followed; NULL in versions from before.
    "ALTER TABLE version ADD COLUMN told TEXT",
    "ALTER TABLE quarantine ADD COLUMN told TEXT",
)

BESIDE = (
    """
    CREATE TABLE beside (
        stream INTEGER NOT NULL,
        key    TEXT NOT NULL,  -- of a current record
        day    TEXT NOT NULL,  -- that it came in, and that has not come whole without it since
        PRIMARY KEY (stream, key, day)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX besideday ON beside (stream, day)",
    "CREATE TABLE besidestaged (stream INTEGER, version INTEGER, key TEXT, day TEXT) STRICT",
    "CREATE TABLE besideheld (stream INTEGER, version INTEGER, key TEXT, day TEXT) STRICT",
    # JSON: fields that a view gets, once this version is in force.
    "ALTER TABLE version ADD COLUMN fields TEXT",
    "ALTER TABLE quarantine ADD COLUMN fields TEXT",
)

MEASURED = (
    # JSON: the values of watched fields in what it wrote, until it is in force (see `measured`).
    "ALTER TABLE version ADD COLUMN measures TEXT",
    "ALTER TABLE quarantine ADD COLUMN measures TEXT",
    """
    CREATE TABLE measured (
        stream   INTEGER NOT NULL,
        version  INTEGER NOT NULL,  -- that came into force, and may not be kept any more
        measures TEXT NOT NULL,
        PRIMARY KEY (stream, version)
    ) STRICT, WITHOUT ROWID
    """,
)

EXCERPTS = (
    """
    CREATE TABLE excerpt (
        connection INTEGER NOT NULL,
        reference  TEXT NOT NULL,     -- a keyed digest of what was said
        event      INTEGER NOT NULL,  -- the last one that refers to it
        at         INTEGER NOT NULL,  -- when that was, in seconds since 1970
        nonce      BLOB NOT NULL,
        sealed     BLOB NOT NULL,     -- JSON, under the tenant's key for excerpts
        PRIMARY KEY (connection, reference)
    ) STRICT
    """,
    "CREATE INDEX excerptevent ON excerpt (connection, event)",
    "CREATE INDEX excerptage ON excerpt (at)",
    "CREATE INDEX excerptlast ON excerpt (event)",
)

TEMPORARY = (
    "CREATE TEMP TABLE page (key TEXT PRIMARY KEY, digest BLOB, body TEXT) WITHOUT ROWID",
    """
    CREATE TEMP TABLE seen (
        stream INTEGER, record INTEGER, PRIMARY KEY (stream, record)
    ) WITHOUT ROWID
    """,
    "CREATE TEMP TABLE kept (stream INTEGER, record INTEGER, PRIMARY KEY (stream, record))",
)
