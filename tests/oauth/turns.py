"""What can go wrong with an exchange between a client and an OAuth server?

Each of these is a turn for `Gate.next` or `Gate.each`; where the server has the request by then,
and has perhaps consumed a token, it says so.
"""

from dataclasses import replace

import trio

from tests.oauth.gate import Answer, Exchange, Forward, HangUp, Turn

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"


class Hold:
    """Keeps each exchange that takes it until `release`: before delivery, or with the answer.

    `await gate.reached("token-arrived")` or `("token-answered")` says that it holds one.
    """

    def __init__(self, *, answered: bool) -> None:
        self._answered = answered
        self._released = trio.Event()

    async def __call__(self, exchange: Exchange, forward: Forward) -> Answer:
        if not self._answered:
            await self._released.wait()
            return await forward()
        answer = await forward()
        await self._released.wait()
        return answer

    def release(self) -> None:
        self._released.set()


def late(seconds: float) -> Turn:
    """The server answers at once, the client hears of it so much later."""

    async def turn(exchange: Exchange, forward: Forward) -> Answer:
        answer = await forward()
        await trio.sleep(seconds)
        return answer

    return turn


def dropped(*, answered: bool, reset: bool = False) -> Turn:
    """The connection ends (FIN, or RST) before the server has the request, or once it answered."""

    async def turn(exchange: Exchange, forward: Forward) -> Answer:
        if answered:
            await forward()
        raise HangUp(reset=reset)

    return turn


def says(status: int, body: bytes = b"", *, answered: bool = False, **headers: str) -> Turn:
    """Something else than the server answers; the server has the request only if `answered`.

    Underscores in the names of headers stand for hyphens: `retry_after="7"`.
    """
    fields = {"content_type": "application/json", **headers}
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]

    async def turn(exchange: Exchange, forward: Forward) -> Answer:
        if answered:
            await forward()
        return Answer(status, named, body)

    return turn


def shows_html(status: int = 200, *, answered: bool = False) -> Turn:
    """A page for people, as proxies and login walls send."""
    return says(status, HTML, answered=answered, content_type="text/html")


def babbles(*, answered: bool = False) -> Turn:
    """What is not HTTP."""

    async def turn(exchange: Exchange, forward: Forward) -> bytes:
        if answered:
            await forward()
        return b"\x16\x03\x01 none of this is HTTP\r\n\r\n"

    return turn


def truncated(keep: int) -> Turn:
    """The server's answer breaks off after so many bytes of its body, short of its length."""

    async def turn(exchange: Exchange, forward: Forward) -> bytes:
        answer = await forward()
        head = [f"HTTP/1.1 {answer.status} OK".encode()]
        head += [name + b": " + value for name, value in answer.headers]
        head.append(f"Content-Length: {len(answer.body)}".encode())
        return b"\r\n".join([*head, b"", answer.body[:keep]])

    return turn


def cut(keep: int) -> Turn:
    """So many bytes of the server's answer come, and say that they are all."""

    async def turn(exchange: Exchange, forward: Forward) -> Answer:
        answer = await forward()
        return replace(answer, body=answer.body[:keep])

    return turn
