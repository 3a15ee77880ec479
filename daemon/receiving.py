"""How is an answer's body taken off the wire, all of it or its head?"""

from collections.abc import AsyncIterable
from contextlib import suppress

import trio

from daemon.body import Body

HEAD_S = 1.0  # what is said beside a status comes with it, or is not waited for


async def receive(stream: AsyncIterable[bytes], content: Body, enough: int | None = None) -> None:
    """Feed the raw body, and stop at the first refusal, or once there is more than `enough`.

    Leaving the loop would strand httpx's generators half-way for the garbage collector;
    cancelling the next read unwinds them, and closes the connection.
    """
    with trio.CancelScope() as reading:
        async for chunk in stream:
            content.feed(chunk)
            if content.refusal is not None or (enough is not None and content.size > enough):
                reading.cancel()


async def head(
    stream: AsyncIterable[bytes], content: Body, enough: int, breaks: type[Exception]
) -> bool:
    """Take a body as far as it comes soon, and no further than `enough`: whether that is all of it.

    That it stops or `breaks` loses nothing: the call's own time is not used up by it.
    """
    left_s = trio.current_effective_deadline() - trio.current_time()
    if left_s <= 0:  # the loop was busy, and nobody has been told yet
        return False
    with trio.move_on_after(min(HEAD_S, left_s / 2)), suppress(breaks):
        await receive(stream, content, enough)
        return content.refusal is None and content.size <= enough
    return False
