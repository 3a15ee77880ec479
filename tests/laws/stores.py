"""How do tests kill a store, read what lies in it, and reckon what should?"""

import hashlib
import json
import shutil

import msgspec

from daemon.store.core import Store

SECRET = b"of the tenant"
OWNERS = {1: ("acme", "acme/weather"), 2: ("umbrella", "umbrella/weather")}


class Lives:
    """A store on disk that can be killed again and again."""

    def __init__(self, directory):
        self._directory = directory
        self._count = 0
        self.store = self._opened()
        for connection, (tenant, name) in OWNERS.items():
            self.store.name_all({connection: (tenant, name)})

    def _opened(self):
        """These are deaths of the process, not of the power: nothing waits for the disk."""
        store = Store(self._directory / f"{self._count}")
        store._connection.execute("PRAGMA synchronous = OFF")
        return store

    def die(self, recorded, last, held=None):
        """Leave the files as a killed process does, and begin the next life with them."""
        self._count += 1
        for suffix in ("", "-wal"):
            found = self._directory / f"{self._count - 1}{suffix}"
            shutil.copy(found, self._directory / f"{self._count}{suffix}")
        self.store.close()
        self.store = self._opened()
        named = {(each, "weather", stream): to for (each, stream), to in recorded.items()}
        holding = {(each, "weather", stream): to for (each, stream), to in (held or {}).items()}
        self.store.reconcile(named, last, holding)
        assert not self.pending(), "what was never recorded is dropped"

    def pending(self, version=None):
        """How many rows wait to be accepted: of one version, or of all."""
        waiting = "SELECT version FROM staged UNION ALL SELECT version FROM moved"
        waiting += " UNION ALL SELECT version FROM besidestaged"
        found = self.store._connection.execute(waiting)
        return sum(version in (None, each) for (each,) in found)

    def ids(self, where):
        """(text of the record, id of its row), of what is visible."""
        return {
            (text_of(json.loads(body)), id_) for id_, body in self._rows(where, "until IS NULL")
        }

    def then(self, where, version):
        """The texts of the records that were visible in a version, sorted."""
        lived = "since <= ? AND (until IS NULL OR until > ?)"
        return sorted(
            text_of(json.loads(body)) for _, body in self._rows(where, lived, *[version] * 2)
        )

    def _rows(self, where, condition, *values):
        return self.store._connection.execute(
            "SELECT record.id, body FROM record JOIN stream ON stream.id = record.stream "
            f"WHERE connection = ? AND name = ? AND {condition}",
            (*where, *values),
        ).fetchall()


def lying_after(lies, came, fetched):
    """Where records lie after some days came whole: key → (its day, other days that it came in).

    `came` is (day, key), in order.
    """
    after = {}
    for key in lies.keys() | {each for _, each in came}:
        own, others = lies.get(key, (None, frozenset()))
        days, others = [day for day, each in came if each == key], others - {*fetched}
        if own is None:
            own = days[-1] if days else None
        elif own not in fetched:
            others |= {*days[-1:]}
        elif own not in days:
            left = days[-1:] or sorted(others)[-1:]
            if not left:
                continue
            (own,) = left
        after[key] = own, others
    return after


def besides(store, connection=1):
    """(key, day) of what came in another day than its own, as it is noted."""
    return set(
        store._connection.execute(
            "SELECT CAST(key AS INTEGER), day FROM beside JOIN stream ON stream.id = beside.stream "
            "WHERE connection = ?",
            (connection,),
        )
    )


def text_of(record):
    return json.dumps(record, sort_keys=True)


def texts_of(records):
    return sorted(map(text_of, records))


def digest_of(records, secret=SECRET):
    total = 0
    for record in records:
        body = msgspec.json.encode(record, order="sorted")
        total += int.from_bytes(hashlib.blake2b(body, key=secret, digest_size=16).digest(), "big")
    return f"{total % 2**128:032x}"
