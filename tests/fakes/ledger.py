"""A provider that writes down what it is told, and may be down in several ways; and its host."""

from collections import Counter
from functools import partial

import msgspec
import trio
from msgspec.structs import replace

from daemon.exchange import CallLost, Response
from daemon.gateway.asking import Wish
from daemon.provider_file import ProviderFile
from events.terms import Caller, FailureClass
from tests.fakes.in_process import NAME, InProcess

BY = Caller(uid=0, role="operator")
KEY_HEADER = "Idempotency-Key"
HALF_S = 0.05  # on the way there, and back
CONNECT_S = 10.0  # how long a host is tried that does not answer at all


def declared(*, keyed, **more):
    """Its file: `keyed` says that it knows a write again."""
    document = {
        "name": "health",
        "base_url": "https://h.example",
        "streams": {"steps": {"path": "/steps", "primary_key": ["id"]}},
        "endpoints": {"/entries": {}},
        **({"idempotency_header": KEY_HEADER} if keyed else {}),
        **more,
    }
    return msgspec.convert(document, ProviderFile)


class Ledger:
    """`entries` are what it carried out, `arrived` all that came to it.

    It is `up`, or in a mood of LOSSES, in which it takes nothing, or in one of LATE: then it does,
    and does not say so. The next writes find it in the `moods` that are left, one each; it stays in
    the last one.
    """

    def __init__(self):
        self.mood = "up"
        self.moods = []
        self.entries = []
        self.arrived = []
        self.tries = 0
        self.at_once = self.at_once_max = 0
        self.dead = lambda: False
        self._keys = set()

    async def send(self, request):
        if request.method == "GET":
            return Response(status=200, headers={}, body=b"[]", duration_ms=1)
        self.tries += 1
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            return await self._written(request)
        finally:
            self.at_once -= 1

    async def _written(self, request):
        await self._way()
        if self.moods:
            self.mood = self.moods.pop(0)
        mood = self.mood
        if mood == "gone":
            await trio.sleep(CONNECT_S)
        if mood in LOSSES:
            lost = LOSSES[mood]()
            raise lost
        text = request.body.decode()
        self.arrived.append(text)
        self._enter(text, request.headers.get(KEY_HEADER.lower()))
        await self._way()
        if mood in LATE:
            lost = LATE[mood]()
            raise lost
        return Response(status=201, headers={}, body=b"{}", duration_ms=1)

    def _enter(self, text, key):
        if key is None or key not in self._keys:
            self.entries.append(text)
            self._keys.add(key)

    async def _way(self):
        await trio.sleep(HALF_S)
        if self.dead():
            await trio.sleep_forever()  # who died sends and hears nothing

    def forget(self):
        """As a provider does with keys, in time."""
        self._keys.clear()

    @property
    def doubled(self):
        return [text for text, count in Counter(self.entries).items() if count > 1]


def _lost(cause, **more):
    return partial(CallLost, cause, "the ledger is down", **more)


LOSSES = {
    "gone": _lost(FailureClass.TIMEOUT, sent=False),
    "unreachable": _lost(FailureClass.NETWORK, sent=False),
    "busy": _lost(FailureClass.SERVER, status=503),
    "limited": _lost(FailureClass.RATE_LIMITED, status=429),
    "distrusting": _lost(FailureClass.AUTH, status=401),
    "vanished": _lost(FailureClass.RETIRED, status=410),
    "refusing": _lost(FailureClass.INVALID, status=422),
    "conflict": _lost(FailureClass.INVALID, status=409),
}
LATE = {
    "silent": _lost(FailureClass.TIMEOUT),
    "failing": _lost(FailureClass.SERVER, status=500),
}


def entry(text, **more):
    return Wish(method="POST", path="/entries", body=text.encode(), **more)


class LedgerHost(InProcess):
    """Some connections to a ledger; most scenes have one."""

    def __init__(self, *others, keyed=False, **more):
        super().__init__()
        self.file = declared(keyed=keyed, **more)
        self.ledger = Ledger()
        self.others = others

    def _parts(self, log):
        parts = super()._parts(log)
        one = parts.configuration.settings.connections[NAME]
        connections = dict.fromkeys((NAME, *self.others), one)
        settings = replace(parts.configuration.settings, connections=connections)
        return replace(parts, configuration=replace(parts.configuration, settings=settings))

    async def send(self, request):
        return await self.ledger.send(request)

    async def write(self, daemon, text, name=NAME, **more):
        subject = self.vault.subject("connection", name)
        return await daemon.outbox.call(subject, entry(text, **more), BY)

    def waiting(self, daemon):
        return daemon.journal.world.outboxes.get(self.subject, ())

    def rows(self):
        """How many writes lie in the data store."""
        return self.store._connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
