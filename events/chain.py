"""How does each commit vouch for every commit before it?

A block's hash is SHA-256 over the hash of the block before it and the bytes of its events, each
`seq TAB at TAB subject TAB body LF`. JSON holds no raw tab or line feed, so an auditor computes the
same with `sqlite3` and `sha256sum` and nothing of ours.
"""

import hashlib
from collections.abc import Sequence

from events.codec import Row

GENESIS = bytes(32)
"""What the first block is chained to."""


def link(previous: bytes, rows: Sequence[Row]) -> bytes:
    """Hash one block: 32 bytes. `%d` would round 1.5: whoever reads a log sees to integers."""
    block = hashlib.sha256(previous)
    block.update(b"".join([b"%d\t%d\t%d\t%b\n" % row for row in rows]))
    return block.digest()
