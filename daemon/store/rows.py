"""How does a provider's record become a row: canonical text, key, keyed digest?

A row's digest is keyed BLAKE2b over its canonical JSON; a version's digest is the sum of its rows'
digests modulo 2^128. So it does not depend on order, is carried on from version to version by what
changed, and says nothing to who lacks the tenant's key.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

DIGEST_BYTES = 16
MODULUS = 1 << (8 * DIGEST_BYTES)
NOTHING = bytes(DIGEST_BYTES)

Prepared = tuple[str, bytes, str]
"""(key, digest, body)"""

_encoder = msgspec.json.Encoder(order="sorted")


def prepare(record: dict[str, Any], primary_key: tuple[str, ...], secret: bytes) -> Prepared:
    body = _encoder.encode(record)
    return key_of(record, primary_key), digest_of(body, secret), body.decode()


def digest_of(body: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(body, key=secret, digest_size=DIGEST_BYTES).digest()


def key_of(record: dict[str, Any], primary_key: tuple[str, ...]) -> str:
    """The primary key as JSON: a scalar for one field, an array for several."""
    if len(primary_key) == 1:
        return _encoder.encode(record[primary_key[0]]).decode()
    return _encoder.encode([record[name] for name in primary_key]).decode()


def combine(digest: bytes, added: Iterable[bytes], removed: Iterable[bytes]) -> bytes:
    """Carry a version's digest on to the next version."""
    total = int.from_bytes(digest, "big")
    total += sum(int.from_bytes(row, "big") for row in added)
    total -= sum(int.from_bytes(row, "big") for row in removed)
    return (total % MODULUS).to_bytes(DIGEST_BYTES, "big")
