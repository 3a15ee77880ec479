"""What must be true before an example runs: which connections there are, and what came before?"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from daemon.client import Rounds
from events.fact import Fact
from events.outbox import WriteInDoubt, WriteSettled
from events.sources import Pattern
from events.syncs import RecordsRefused, SyncFailed, SyncStarted, SyncSucceeded
from events.versions import RecordsQuarantined
from tests.cli.world import DAYS, World, world
from tests.e2e.daemon import TOLERANT

CONNECTIONS = ("acme/weather", "acme/broken", "acme/nights", "acme/shrinking")
KEYED = {"primary_key": ["date"]}
TOKEN = {"access_token": "a" * 24, "refresh_token": "r" * 24, "expires_in": 3600}
TOKEN |= {"token_type": "Bearer"}


class Stage:
    """A daemon with its provider, and who asks it."""

    def __init__(self, made: World) -> None:
        self.world = made
        self.rows = DAYS
        self.rain = 0.0
        self.written: tuple[int, Any] = (503, {})

    async def until(self, rounds: Rounds, name: str, *kinds: type[Fact], after: int = 0) -> int:
        """Wait until one of these happens to a connection; the event's number."""
        async with rounds.tail(after=after, connection=name) as events:
            async for each in events:
                if isinstance(each.event, kinds):
                    return each.seq
        raise AssertionError("a tail goes on until somebody closes it")

    async def sync(self, rounds: Rounds, name: str) -> None:
        done = await rounds.sync(name)
        await self.until(rounds, name, SyncSucceeded, SyncFailed, after=done.events[0])

    async def before(self, operation: str, rounds: Rounds) -> None:
        """Make the world so that the operation's example does something."""
        if happens := BEFORE.get(operation):
            await happens(self, rounds)


@contextmanager
def stage() -> Iterator[Stage]:
    with world(*CONNECTIONS, policy=TOLERANT) as made:
        new = Stage(made)
        provider, routes = made.provider, made.provider.routes
        routes["/days"] = lambda _, query: (
            200,
            [{**each, "rain": each["rain"] + new.rain} for each in _page(DAYS, query)],
        )
        routes["/nights"] = lambda _, query: (200, [{"day": query["day"], "hours": 7}])
        routes["/shrinking"] = lambda *_: (200, new.rows)
        window = {"params": {"day": "{day}"}, "primary_key": ["day"], "mode": "window"}
        nights = {"path": "/nights", **window, "window": {"days": 2}}
        made.home.provide("nights", provider.url, streams={"nights": nights})
        days = {"path": "/shrinking", **KEYED}
        made.home.provide("shrinking", provider.url, streams={"days": days})
        made.home.provide("tracker", provider.url, streams={"days": days}, successor="steps")
        made.home.provide("steps", provider.url, streams={"days": days})
        made.home.provide(
            "orders", provider.url, streams={"days": days}, endpoints={"/entries": {}}
        )
        auth = {
            "kind": "oauth2",
            "token_url": f"{provider.url}/token",
            "authorize_url": f"{provider.url}/authorize",
            "client": "basic",
        }
        made.home.provide("health", provider.url, auth=auth, streams={"days": days})
        provider.forms["/token"] = lambda _: (200, TOKEN)
        provider.forms["/entries"] = lambda _: new.written
        made.start()
        yield new


def _page(rows: list[Any], query: dict[str, str]) -> list[Any]:
    return rows[int(query["page"]) * 10 :][:10]


async def _failed(stage: Stage, rounds: Rounds) -> None:
    await stage.until(rounds, "acme/broken", SyncFailed)


async def _paused(stage: Stage, rounds: Rounds) -> None:
    if (await rounds.connection("acme/weather")).connection.state != "paused":
        await rounds.pause("acme/weather")


async def _running(stage: Stage, rounds: Rounds) -> None:
    await rounds.add("acme/slow")
    await stage.until(rounds, "acme/slow", SyncStarted)


async def _client(stage: Stage, rounds: Rounds) -> None:
    await rounds.provider_client("health", "our-id", client_secret="s3cret")
    await rounds.add("acme/health")


async def _ending(stage: Stage, rounds: Rounds) -> None:
    await rounds.add("acme/tracker")
    await stage.until(rounds, "acme/tracker", SyncSucceeded)


async def _changed(stage: Stage, rounds: Rounds) -> None:
    stage.rain += 1
    await stage.sync(rounds, "acme/weather")


async def _held(stage: Stage, rounds: Rounds) -> None:
    await stage.until(rounds, "acme/shrinking", SyncSucceeded)
    stage.rows = DAYS
    await stage.sync(rounds, "acme/shrinking")
    stage.rows = DAYS[:10]
    seq = (await rounds.log(limit=1)).seq
    await rounds.sync("acme/shrinking")
    await stage.until(rounds, "acme/shrinking", RecordsQuarantined, RecordsRefused, after=seq)
    await stage.until(rounds, "acme/shrinking", SyncFailed, after=seq)


async def _queued(stage: Stage, rounds: Rounds) -> None:
    """Two writes, which stay where they are while the breaker is open."""
    await rounds.add("acme/orders")
    await rounds.breaker_open(provider="orders")
    for line in ("one", "two"):
        answer = await rounds.request("acme/orders", "/entries", method="POST", body=line)
        assert (answer.status, answer.source) == (202, "outbox")


async def _reporting(stage: Stage, rounds: Rounds) -> None:
    await rounds.source_add("alice/phone-calls", pattern=Pattern.ANDROID)


async def _in_doubt(stage: Stage, rounds: Rounds) -> None:
    stage.written = (500, {})
    await rounds.breaker_close(provider="orders")
    await stage.until(rounds, "acme/orders", WriteInDoubt)


async def _in_doubt_again(stage: Stage, rounds: Rounds) -> None:
    settled = await stage.until(rounds, "acme/orders", WriteSettled)
    await stage.until(rounds, "acme/orders", WriteInDoubt, after=settled)


BEFORE: dict[str, Callable[[Stage, Rounds], Awaitable[None]]] = {
    "issues": _failed,
    "retry": _failed,
    "resume": _paused,
    "cancel": _running,
    "relink": _ending,
    "authorize-begin": _client,
    "data": _changed,
    "quarantine": _held,
    "quarantine-drop": _held,
    "sources": _reporting,
    "outbox": _queued,
    "outbox-delivered": _in_doubt,
    "outbox-drop": _in_doubt_again,
}
