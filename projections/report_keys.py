"""Which reports of a day are known already? Their keys, packed, with what each one said.

A row is a key's digest and a digest of the report, and the rows are in order: a day of a phone that
reports every quarter of an hour takes 1.5 KB, whatever the order in which its reports came.
"""

from bisect import bisect_left

KEY_BYTES = 8  # by chance two of a month's 43,000 keys are the same once in 10 milliards of sources
ROW_BYTES = 2 * KEY_BYTES


def find(rows: bytes, key: bytes) -> bytes | None:
    """The digest of the report that came with that key."""
    start = _place(rows, key)
    row = rows[start : start + ROW_BYTES]
    return row[KEY_BYTES:] if row.startswith(key) else None


def added(rows: bytes, key: bytes, report: bytes) -> bytes:
    """With one more, whose key is not among them."""
    assert len(key) == len(report) == KEY_BYTES, "digests are cut to their length before"
    start = _place(rows, key)
    return rows[:start] + key + report + rows[start:]


def count(rows: bytes) -> int:
    return len(rows) // ROW_BYTES


def _place(rows: bytes, key: bytes) -> int:
    """Where the row of that key begins, or would."""

    def at(row: int) -> bytes:
        return rows[row * ROW_BYTES : row * ROW_BYTES + KEY_BYTES]

    return ROW_BYTES * bisect_left(range(count(rows)), key, key=at)
