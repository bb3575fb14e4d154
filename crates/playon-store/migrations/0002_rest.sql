-- What is asked about rooms at rest stands before their bodies, which may be megabytes long and are not read for it.
-- Of rooms that an earlier build put to rest nothing is known: no kind, no age. They stay until they wake.
CREATE TABLE rest (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room BLOB NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    release BLOB NOT NULL,
    seats INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL
);
INSERT INTO rest (id, room, seq, epoch, kind, name, version, release, seats, since_ms, bytes, body, sum)
    SELECT id, room, seq, epoch, '', '', 0, zeroblob(32), 0, 0, length(body), body, sum FROM sleeping;
DROP TABLE sleeping;
ALTER TABLE rest RENAME TO sleeping;
CREATE INDEX sleeping_of ON sleeping (kind, version, release, since_ms, room);
