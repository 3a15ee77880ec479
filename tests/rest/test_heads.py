"""How does an answer that is no use begin, and does looking at it ever cost what it says?"""

import gzip
import io
import math
from datetime import timedelta

import pytest
import trio

from daemon import receiving
from daemon.body import Body
from daemon.exchange import HEAD_BYTES, CallLost, Response, head_of
from daemon.receiving import HEAD_S
from events.terms import FailureClass
from tests.rest.provider import endless, http, loss_of, then_reset, then_silence

pytestmark = pytest.mark.requirement("B10")

BUSY = b"HTTP/1.1 503 Busy\r\nretry-after: 60\r\ncontent-length: 100\r\n\r\n"


async def head(answer, **limits):
    loss = await loss_of(answer, limits=limits, keeps_head=True)
    assert loss.head is not None
    return loss, loss.head


async def test_a_refusal_comes_with_how_it_begins():
    _, found = await head(http(b"<p>no", status=500, content_type="text/html"))
    assert (found.status, found.content_type, found.body) == (500, "text/html", b"<p>no")
    assert not found.more


async def test_it_is_not_looked_at_where_nobody_wants_it():
    loss = await loss_of(http(b"<p>no", status=500))
    assert (loss.status, loss.head, loss.refusal) == (500, None, b"")


async def test_nor_is_what_a_program_is_handed_kept_twice():
    loss = await loss_of(http(b"<p>no", status=500), keeps_refusal=True)
    assert (loss.refusal, loss.head) == (b"<p>no", None)


async def test_of_a_long_one_no_more_is_taken_than_is_shown():
    _, found = await head(http(b"a" * 10**6, status=500))
    assert (len(found.body), found.more) == (HEAD_BYTES, True)


async def test_one_without_an_end_is_left():
    start = b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n"
    _, found = await head(endless(start, b"400\r\n" + b"a" * 1024 + b"\r\n"))
    assert (len(found.body), found.more) == (HEAD_BYTES, True)


async def test_a_compressed_one_is_inflated():
    body = gzip.compress(b"<p>no" * 10)
    _, found = await head(http(body, status=500, content_encoding="gzip"))
    assert found.body == b"<p>no" * 10
    page = gzip.compress(b"<p>no" * 100_000)
    _, found = await head(http(page, status=500, content_encoding="gzip"))
    assert (found.body, found.more) == ((b"<p>no" * 2000)[:HEAD_BYTES], True)
    _, found = await head(http(b"damaged", status=500, content_encoding="gzip"))
    assert (found.body, found.more) == (b"", True)


@pytest.mark.parametrize("breaks", [then_silence, then_reset], ids=["silence", "reset"])
async def test_one_that_does_not_come_whole_changes_nothing_of_what_its_status_says(breaks):
    began = trio.current_time()
    loss, found = await head(breaks(BUSY + b"try lat"))
    assert (loss.cause, loss.status) == (FailureClass.SERVER, 503)
    assert loss.retry_after == timedelta(seconds=60)
    assert (found.body, found.more) == (b"try lat", True)
    assert trio.current_time() - began < 10 * HEAD_S


async def test_nor_does_one_that_would_take_all_of_the_calls_time():
    loss, _ = await head(then_silence(BUSY), timeout_s=0.4)
    assert (loss.cause, loss.status) == (FailureClass.SERVER, 503)


async def test_nor_does_one_whose_time_is_over_by_then():
    """The loop was busy: nobody was told yet that it is too late."""
    content = Body(HEAD_BYTES)
    with trio.fail_after(1) as scope:
        scope.deadline = trio.current_time() - 1
        assert await receiving.head(_parts(b"try later"), content, HEAD_BYTES, OSError) is False
        scope.deadline = math.inf
    assert content.size == 0


async def _parts(*parts):
    for each in parts:
        await trio.lowlevel.checkpoint()
        yield each


async def test_a_redirect_is_not_looked_at():
    loss = await loss_of(
        http(b"there", status=302, location="http://else.example/"), keeps_head=True
    )
    assert loss.status == 302
    assert loss.head is not None
    assert loss.head.body == b""


async def test_an_answer_that_is_too_large_or_damaged_says_so_without_a_head_of_it():
    body = gzip.compress(b"[1]")[:-4]
    _, found = await head(http(body, content_encoding="gzip"))
    assert (found.status, found.body, found.more) == (200, b"[1]", True)


def test_of_an_answer_in_a_file_the_beginning_is_read():
    file = io.BytesIO(b"a" * HEAD_BYTES + b"b")
    file.seek(9)
    answer = Response(status=200, headers={}, body=b"", duration_ms=1, file=file, size=9)
    found = head_of(answer)
    assert (found.body, found.more) == (b"a" * HEAD_BYTES, True)
    file.close()
    assert head_of(answer).body == b""


def test_it_does_not_show_itself():
    loss = CallLost(
        FailureClass.SERVER,
        "it failed",
        head=head_of(
            Response(
                status=500, headers={"content-type": "hunter2"}, body=b"hunter2", duration_ms=1
            )
        ),
    )
    assert "hunter2" not in repr(loss) + str(loss) + repr(loss.head)
    assert loss.copy().head is loss.head
    assert loss.reworded(FailureClass.AUTH, "no").head is None
