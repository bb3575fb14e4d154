-- The fence: every batch is inserted through this row.
CREATE TABLE keeper (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL
);
INSERT INTO keeper (id, epoch) VALUES (1, 0);

-- The log: one row per group commit of all rooms. Ids have no gaps.
CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    body BLOB NOT NULL
);

-- The newest snapshot of every room that is in the hot log.
CREATE TABLE snapshot (
    room BLOB NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL
);

-- Rooms at rest: whole, and not in the log. No id is used twice: a row on a page that a disk did not write
-- again is not the one that the index leads to.
CREATE TABLE sleeping (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room BLOB NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL
);

-- Entries of rooms that did not snapshot themselves before the head of the log had to be cut.
CREATE TABLE carried (
    id INTEGER PRIMARY KEY,
    room BLOB NOT NULL,
    kind INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL
);
CREATE INDEX carried_room ON carried (room);

CREATE TABLE release (
    id BLOB NOT NULL PRIMARY KEY,
    label TEXT NOT NULL UNIQUE,
    added_ms INTEGER NOT NULL,
    sum INTEGER NOT NULL
);

CREATE TABLE deploy (
    id INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL
);

CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL,
    sum INTEGER NOT NULL
);

-- How many rows each table has, and the exclusive or of the hashes of their keys and versions.
CREATE TABLE census (
    name TEXT NOT NULL PRIMARY KEY,
    rows INTEGER NOT NULL,
    digest INTEGER NOT NULL
);
INSERT INTO census (name, rows, digest) VALUES
    ('snapshot', 0, 0), ('sleeping', 0, 0), ('carried', 0, 0),
    ('release', 0, 0), ('deploy', 0, 0), ('setting', 0, 0);
