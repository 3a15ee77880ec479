"""Are there others that ask for one thing each? Then one call asks for all of them.

GET /items/7 ─┐
GET /items/9 ─┴─► size calls, or wait_s ─► GET /items?ids=7,9 ─► each its own, or not found
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec
import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon import json_answer, selector
from daemon.endpoint_file import Batch
from daemon.exchange import CallLost
from daemon.gateway import asking
from daemon.gateway.call import Brought, Call, Exchange, Identity, is_shared
from events.terms import FailureClass

IDS = "{ids}"
PLAIN = re.compile(r"[\w.~-]+", re.ASCII)  # values that cannot be mistaken for their separator


class _Batch(Struct, kw_only=True, eq=False):
    """Calls that go together; with neither `found` nor `lost`, whoever led has given up."""

    values: dict[str, None]
    deadline: float
    full: trio.Event
    landed: trio.Event
    found: Mapping[str, bytes] | None = None
    lost: CallLost | None = None


class Batching:
    def __init__(self, inner: Exchange) -> None:
        self._inner = inner
        self._gathering: dict[Identity, _Batch] = {}

    async def __call__(self, call: Call) -> Brought:
        batch, value = call.endpoint.batch, _value(call)
        if batch is None or value is None:
            return await self._inner(call)
        asked = replace(call, path="", request=replace(call.request, url=""))
        identity = (asked.identity, batch.path)
        while True:
            together = self._gathering.get(identity)
            if together is None:
                return await self._lead(identity, call, batch, value)
            together.values[value] = None
            if len(together.values) >= batch.size:
                self._gathering.pop(identity)
                together.full.set()
            await together.landed.wait()
            if together.lost and is_shared(together.lost, together.deadline, call):
                raise together.lost.copy()
            if together.found is not None:
                return _one(together.found, value)

    async def _lead(self, identity: Identity, call: Call, batch: Batch, value: str) -> Brought:
        """Wait for others, and ask for all."""
        together = _Batch(
            values={value: None},
            deadline=call.deadline,
            full=trio.Event(),
            landed=trio.Event(),
        )
        self._gathering[identity] = together
        try:
            with trio.move_on_after(batch.wait_s):
                await together.full.wait()
            self._close(identity, together)
            if len(together.values) == 1:
                return await self._inner(call)  # nobody else came
            brought = await self._inner(_whole(call, batch, list(together.values)))
            together.found = _parts(brought, batch)
        except CallLost as lost:
            if lost.cause is not FailureClass.CANCELLED:  # our own deadline is not the others'
                together.lost = lost
            raise
        finally:
            self._close(identity, together)
            together.landed.set()
        return _one(together.found, value)

    def _close(self, identity: Identity, together: _Batch) -> None:
        if self._gathering.get(identity) is together:
            del self._gathering[identity]


def _value(call: Call) -> str | None:
    """What stands at the template's one placeholder; None where the call is not one of many."""
    template = call.request.endpoint.partition(" ")[2]
    match = asking.pattern(template).fullmatch(call.path) if call.only_asks else None
    if match is None or len(match.groups()) != 1 or "?" in call.request.url:
        return None
    if call.request.is_conditional:  # which would be those of all the others
        return None
    value = match[1]
    return value if PLAIN.fullmatch(unquote(value)) else None


def _whole(call: Call, batch: Batch, values: list[str]) -> Call:
    """The call for all of them."""
    base = call.request.url.removesuffix(call.path)
    path = batch.path.replace(IDS, batch.separator.join(values))
    request = replace(call.request, url=base + path, endpoint=f"GET {batch.path.partition('?')[0]}")
    return replace(call, request=request, path=path.partition("?")[0])


def _parts(brought: Brought, batch: Batch) -> dict[str, bytes]:
    """Each thing by its key. Raises CallLost where the answer is not what the file declares."""
    try:
        records = selector.select(batch.records, json_answer.decode(brought.body))
    except (json_answer.NotJson, selector.BadExpression):
        records = None
    if not isinstance(records, list):
        raise CallLost(
            FailureClass.MALFORMED,
            "the provider's answer to a batch is no list of records; check batch.records of the"
            " endpoint in its file",
            status=brought.status,
        )
    return {
        str(each[batch.key]): msgspec.json.encode(each)
        for each in records
        if isinstance(each, dict) and batch.key in each
    }


def _one(found: Mapping[str, bytes], value: str) -> Brought:
    body = found.get(unquote(value))
    if body is None:
        raise CallLost(
            FailureClass.NOT_FOUND, "the provider's answer to a batch does not have it", status=404
        )
    return Brought(status=200, headers={"content-type": "application/json"}, body=body)
