"""Does a large answer wait in a file that nobody else sees, that is bounded, and that goes away?

And of any exchange that failed: what is kept of it, and may the provider have seen it?
"""

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio

from daemon import body, spool
from daemon.body import PART_MAX
from daemon.exchange import REFUSAL_BYTES_MAX, CallLost, Response
from daemon.provider_file import Limits
from daemon.spool import SpoolFull
from events.terms import FailureClass
from tests.rest.provider import (
    endless,
    http,
    loss_of,
    ok,
    request,
    serving,
    then_reset,
    then_silence,
    way,
)

pytestmark = pytest.mark.requirement("B11")

MIB = 1024 * 1024
START = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
REPORT = b"a,b\n1,2\n" * 50_000
PART = b"5\r\nhello\r\n"
BOMB = http(gzip.compress(bytes(64 * MIB)), content_encoding="gzip")


def held(directory: Path) -> int:
    """How many files of that directory this process has open, whether they have a name or not."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one by which they are listed
            count += str(descriptor.readlink()).startswith(f"{directory}/")
    return count


async def spooled(answer, directory: Path, **fields) -> Response | CallLost | SpoolFull:
    """What comes of one exchange whose body goes to a file."""
    limits = Limits(body_bytes_max=MIB, timeout_s=fields.pop("timeout_s", 20))
    async with (
        serving(answer) as server,
        way(limits, spool=directory) as wire,
    ):
        try:
            return await wire.send(request(server.url, spooled=True, **fields))
        except (CallLost, SpoolFull) as error:
            return error


@contextmanager
def read(response: Response | CallLost | SpoolFull) -> Iterator[bytes]:
    assert isinstance(response, Response), response
    assert response.file is not None
    with response.file as file:
        yield file.read()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(REPORT), id="by its length"),
        pytest.param(CHUNKED + b"61a80\r\n" + REPORT + b"\r\n0\r\n\r\n", id="in parts"),
        pytest.param(http(gzip.compress(REPORT), content_encoding="gzip"), id="packed"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + REPORT, id="up to the hanging up"),
    ],
)
async def test_a_report_lies_whole_in_a_nameless_file_until_its_reader_closes_it(answer, tmp_path):
    response = await spooled(answer, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert held(tmp_path) == 1
    with read(response) as content:
        assert content == REPORT
        assert (response.body, response.size) == (b"", len(content))
    assert held(tmp_path) == 0


async def test_an_empty_report_is_an_empty_file(tmp_path):
    for answer in (http(b""), http(b"", status=204)):
        with read(await spooled(answer, tmp_path)) as content:
            assert content == b""


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        pytest.param(http(bytes(MIB + 1)), FailureClass.MALFORMED, id="too large"),
        pytest.param(
            endless(CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n"),
            FailureClass.MALFORMED,
            id="never ends",
        ),
        pytest.param(BOMB, FailureClass.MALFORMED, id="bomb"),
        pytest.param(
            http(gzip.compress(bytes(99_999))[:-9], content_encoding="gzip"),
            FailureClass.MALFORMED,
            id="packed and cut",
        ),
        pytest.param(http(b"?", content_encoding="br"), FailureClass.MALFORMED, id="unknown"),
        pytest.param(then_reset(START + b"[1"), FailureClass.NETWORK, id="reset"),
        pytest.param(START + b"[1", FailureClass.NETWORK, id="shorter than it said"),
        pytest.param(CHUNKED + PART, FailureClass.NETWORK, id="parts without an end"),
        pytest.param(CHUNKED + PART + b"zz\r\n", FailureClass.NETWORK, id="a part that is none"),
        pytest.param(then_silence(START + b"["), FailureClass.TIMEOUT, id="silence"),
        pytest.param(http(b"no", status=500), FailureClass.SERVER, id="refused"),
        pytest.param(http(b"no", status=429), FailureClass.RATE_LIMITED, id="limited"),
        pytest.param(b"garbage\r\n\r\n", FailureClass.NETWORK, id="garbage"),
    ],
)
async def test_what_cannot_be_taken_whole_leaves_no_file_behind(answer, cause, tmp_path):
    patience = 0.2 if cause is FailureClass.TIMEOUT else 20
    loss = await spooled(answer, tmp_path, timeout_s=patience)
    assert isinstance(loss, CallLost)
    assert loss.cause is cause
    assert (held(tmp_path), list(tmp_path.iterdir())) == (0, [])


async def test_a_host_that_is_not_there_leaves_no_file_behind(tmp_path):
    async with serving(b"") as gone:
        pass
    async with way(Limits(), spool=tmp_path) as wire:
        with pytest.raises(CallLost):
            await wire.send(request(gone.url, spooled=True))
    assert held(tmp_path) == 0


async def test_who_is_cancelled_half_way_leaves_no_file_behind(tmp_path):
    async with (
        serving(endless(CHUNKED, PART, pause=0.01)) as server,
        way(Limits(), spool=tmp_path) as wire,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(wire.send, request(server.url, spooled=True))
        with trio.fail_after(5):
            while not held(tmp_path):
                await trio.lowlevel.checkpoint()
        assert list(tmp_path.iterdir()) == []
        nursery.cancel_scope.cancel()
    assert held(tmp_path) == 0


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(bytes(64 * MIB)), bytes(2 * MIB)],
    ids=["a bomb", "more than there may be"],
)
def test_no_more_is_written_than_there_may_be(packed, tmp_path):
    with (tmp_path / "file").open("wb") as file:
        taken = body.Body(MIB, 0, partial(next, iter([file])))
        taken.spill()
        taken.begin("gzip" if len(packed) < MIB else "")
        for start in range(0, len(packed), 5000):
            taken.feed(packed[start : start + 5000])
        taken.whole()
        assert "larger than" in (taken.refusal or "")
        assert file.tell() <= MIB


@pytest.mark.parametrize("size", [1, PART_MAX - 1, PART_MAX, PART_MAX + 1, 3 * PART_MAX])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_what_inflates_in_several_parts_comes_out_whole(size, pack, tmp_path):
    packed = pack(bytes(size))
    for step in (1, 7, len(packed)):
        with (tmp_path / "file").open("wb+") as file:
            taken = body.Body(size, 0, partial(next, iter([file])))
            taken.spill()
            taken.begin("gzip" if pack is gzip.compress else "deflate")
            for start in range(0, len(packed), step):
                taken.feed(packed[start : start + step])
            assert taken.whole() == b""
            file.seek(0)
            assert (taken.refusal, taken.size, file.read()) == (None, size, bytes(size))


async def test_a_report_is_never_whole_in_memory(tmp_path):
    size = 32 * MIB
    answer = http(gzip.compress(bytes(size)), content_encoding="gzip")
    limits = Limits(body_bytes_max=size)
    async with (
        serving(answer) as server,
        way(limits, spool=tmp_path) as wire,
    ):
        tracemalloc.start()
        try:
            response = await wire.send(request(server.url, spooled=True))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert response.file is not None
    response.file.close()
    assert response.size == size
    assert peak < size / 4


# A disk that is full.


@pytest.fixture
def full_disk(monkeypatch):
    """Spool into the kernel's own file that is always full. Returns the files that were opened."""
    opened = []

    def unnamed(_):
        opened.append(Path("/dev/full").open("r+b"))  # noqa: SIM115 - the transport closes it
        return opened[-1]

    monkeypatch.setattr(spool, "unnamed", unnamed)
    return opened


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(b"a,b\n1,2\n"), id="what fits into a buffer"),
        pytest.param(http(bytes(MIB)), id="what does not"),
        pytest.param(CHUNKED + b"10000\r\n" + bytes(65536) + b"\r\n", id="what would break off"),
        pytest.param(endless(CHUNKED, PART), id="what never ends"),
    ],
)
async def test_a_full_disk_is_neither_the_providers_fault_nor_a_crash(answer, tmp_path, full_disk):
    fate = await spooled(answer, tmp_path)
    assert isinstance(fate, SpoolFull)
    assert [file.closed for file in full_disk] == [True]


async def test_a_full_disk_does_not_hide_what_the_provider_said(tmp_path, full_disk):
    limited = await spooled(http(b"slow down", status=429), tmp_path)
    broken = await spooled(then_reset(START + b"a,b\n"), tmp_path)
    assert isinstance(limited, CallLost)
    assert isinstance(broken, CallLost)
    assert limited.cause is FailureClass.RATE_LIMITED
    assert broken.cause is FailureClass.NETWORK
    assert [file.closed for file in full_disk] == [True, True]


async def test_after_a_full_disk_the_connection_is_free_again(tmp_path, full_disk):
    async with (
        serving(http(bytes(MIB))) as server,
        way(Limits(), spool=tmp_path) as wire,
    ):
        with trio.fail_after(10):
            for _ in range(20):
                with pytest.raises(SpoolFull):
                    await wire.send(request(server.url, spooled=True))
            assert (await wire.send(request(server.url))).size == MIB


# What a refusal says.


async def test_the_words_of_a_refusal_are_kept_only_where_they_are_asked_for():
    said = b'{"error": "invalid_grant"}'
    assert (await loss_of(http(said, 400))).refusal == b""
    loss = await loss_of(http(said, 400), keeps_refusal=True)
    assert loss.refusal == said
    assert "invalid_grant" not in f"{loss}{loss!r}{loss.message}"


async def test_a_packed_refusal_is_unpacked():
    answer = http(gzip.compress(b'{"error": 1}'), 400, content_encoding="gzip")
    assert (await loss_of(answer, keeps_refusal=True)).refusal == b'{"error": 1}'


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(bytes(REFUSAL_BYTES_MAX + 1), 400), id="too long"),
        pytest.param(
            http(gzip.compress(bytes(64 * MIB)), 400, content_encoding="gzip"), id="a bomb"
        ),
        pytest.param(
            endless(
                b"HTTP/1.1 400 X\r\ntransfer-encoding: chunked\r\n\r\n",
                b"10000\r\n" + bytes(65536) + b"\r\n",
            ),
            id="endless",
        ),
        pytest.param(http(b"\x00", 400, content_encoding="br"), id="packed as nobody asked"),
        pytest.param(http(b"no gzip", 400, content_encoding="gzip"), id="damaged"),
    ],
)
async def test_a_refusal_that_cannot_be_kept_is_a_refusal_all_the_same(answer):
    loss = await loss_of(answer, {"timeout_s": 20}, keeps_refusal=True)
    assert (loss.cause, loss.status) == (FailureClass.INVALID, 400)
    assert loss.refusal.strip(b"\x00") == b""
    assert len(loss.refusal) <= REFUSAL_BYTES_MAX


async def test_a_refusal_is_not_waited_for_where_nobody_wants_its_words():
    stalls = then_silence(b"HTTP/1.1 429 X\r\ncontent-length: 9\r\nretry-after: 7\r\n\r\n")
    loss = await loss_of(stalls, {"timeout_s": 5})
    assert loss.cause is FailureClass.RATE_LIMITED
    assert loss.duration_ms < 5000


# Whether a lost request may have reached its provider.


@pytest.mark.requirement("X6")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(then_reset(b""), id="reset before the answer"),
        pytest.param(then_reset(START), id="reset in the body"),
        pytest.param(b"", id="hung up"),
        pytest.param(START + b"[", id="shorter than it said"),
        pytest.param(CHUNKED + PART, id="parts without an end"),
        pytest.param(b"garbage\r\n\r\n", id="garbage"),
        pytest.param(then_silence(b""), id="silence"),
        pytest.param(then_silence(START + b"["), id="silence in the body"),
        pytest.param(http(bytes(2 * MIB)), id="too large"),
        pytest.param(http(b"no gzip", content_encoding="gzip"), id="damaged"),
        pytest.param(http(b"no", 500), id="failed"),
        pytest.param(then_silence(b"HTTP/1.1 400 X\r\ncontent-length: 9\r\n\r\n"), id="half a no"),
    ],
)
async def test_what_was_on_the_wire_may_have_been_seen(answer):
    limits = {"timeout_s": 0.3, "body_bytes_max": MIB}
    assert (await loss_of(answer, limits, keeps_refusal=True)).sent


async def outcome_at(url: str, **fields) -> CallLost:
    async with way(Limits()) as wire:
        with pytest.raises(CallLost) as caught:
            await wire.send(request(url, **fields))
    return caught.value


@pytest.mark.requirement("X6")
async def test_what_never_left_the_host_was_certainly_not_seen():
    async with serving(ok([])) as server:
        certain = [
            await outcome_at(server.url.replace("http:", "https:")),
            await outcome_at(server.url, headers={"x-a": "ü"}),
            await outcome_at(server.url, headers={"x-a": "a\r\nb: c"}),
            await outcome_at(server.url, form={"a": "\ud800"}),
            await outcome_at("http://[::bad"),
        ]
        assert server.asked == []
    certain += [await outcome_at(server.url), await outcome_at("http://no-such-host.invalid")]
    assert [loss.sent for loss in certain] == [False] * 7
