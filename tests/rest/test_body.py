"""Is a compressed body inflated whole, however it is cut, and never beyond its bound?"""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.body import MEMBERS_MAX, OVERHEAD, Body


def bare(content: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(content) + deflate.flush()


PACK = {"": bytes, "gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}


def fed(chunks, encoding, size_max) -> tuple[bytes, Body]:
    body = Body(size_max)
    body.begin(encoding)
    for chunk in chunks:
        body.feed(chunk)
    return body.whole(), body


@given(st.binary(max_size=2000), st.sampled_from([*PACK, "bare"]), st.integers(1, 50))
def test_what_was_packed_is_taken_in_any_pieces(content, encoding, step):
    packed = bare(content) if encoding == "bare" else PACK[encoding](content)
    pieces = [packed[n : n + step] for n in range(0, len(packed), step)]
    header = "deflate" if encoding == "bare" else encoding
    whole, body = fed(pieces, header, len(content))
    assert (whole, body.refusal, body.received) == (content, None, len(packed))


@given(st.binary(min_size=1, max_size=2000), st.sampled_from([*PACK]))
def test_one_byte_too_many_is_refused(content, encoding):
    whole, body = fed([PACK[encoding](content)], encoding, len(content) - 1)
    assert whole == b""
    assert "larger than" in (body.refusal or "")


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "identity", "br"]))
def test_no_bytes_whatever_raise(content, encoding):
    fed([content, content], encoding, 100)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_bytes_that_inflate_to_nothing_are_bounded(encoding):
    nothing = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    start = nothing.compress(b"") + nothing.flush(zlib.Z_SYNC_FLUSH)
    chunks = [start, *[b"\x00\x00\x00\xff\xff" * 1000] * 100]
    _, body = fed(chunks, encoding, 10)
    assert sum(map(len, chunks)) > OVERHEAD
    assert "larger than" in (body.refusal or "")


def test_endless_members_are_bounded():
    _, body = fed([gzip.compress(b"") * (MEMBERS_MAX + 1)], "gzip", 10**6)
    assert "damaged" in (body.refusal or "")
