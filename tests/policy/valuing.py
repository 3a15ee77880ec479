"""How do tests make a sketch of values?"""

import hashlib

from projections import value_sketch
from projections.value_sketch import HASH_BYTES


def sketch(values, rest=0):
    texts = {each for each in values if isinstance(each, str)}
    return value_sketch.of(values, {each: hash_of(each) for each in texts}, rest)


def hash_of(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=HASH_BYTES).digest(), "big")
