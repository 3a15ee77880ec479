"""Which reports of a day are known already? Their keys, packed, with what each one said.

A row is a key's digest and a digest of the report; the rows are in order, so that the order in
which reports came does not show. A day of a phone that reports every quarter of an hour takes
1.5 KB, and a month of such days is looked through in some 30 µs: as numbers, as this machine has
them. Code of another one does not take these for its own (see `fingerprint`).
"""

import sys
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


def _place(rows: bytes, key: bytes) -> int:
    """Where the row of that key begins, or would."""
    keys = memoryview(rows).cast("Q")[::2]  # of each row its first number
    return ROW_BYTES * bisect_left(keys, int.from_bytes(key, sys.byteorder))
