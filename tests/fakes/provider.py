"""How would a provider behave over a month: pages, outages, empty answers, changing data?

It counts how it is mistreated instead of raising: a supervisor would swallow that.
"""

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import trio

from daemon.clock import Clock
from daemon.exchange import CallLost, Request, Response
from events.terms import FailureClass

PAGE = 20


class FakeProvider:
    """One provider with an account for each API key; every account has its own records."""

    def __init__(self, clock: Clock, dice: random.Random) -> None:
        self.clock = clock
        self.dice = dice
        self.accounts: dict[str, dict[int, dict[str, Any]]] = {}
        self.down_until: datetime | None = None
        self.empty_until: datetime | None = None
        self.mistreated: Counter[str] = Counter()
        self.calls = 0
        self.licensed: Callable[[str], bool] = lambda _: True
        self._open: Counter[str] = Counter()

    def account(self, key: str) -> dict[int, dict[str, Any]]:
        return self.accounts.setdefault(key, {n: self._record(n) for n in range(50)})

    def live(self) -> None:
        """Let an hour's worth happen to it: data changes, it may fall over or go blank."""
        for records in self.accounts.values():
            for _ in range(self.dice.randrange(4)):
                number = self.dice.randrange(70)
                if self.dice.random() < 0.3:
                    records.pop(number, None)
                else:
                    records[number] = self._record(number)
        if self.dice.random() < 0.02:
            self.down_until = self.clock.now() + timedelta(hours=self.dice.uniform(0.5, 8))
        if self.dice.random() < 0.01:
            self.empty_until = self.clock.now() + timedelta(hours=self.dice.uniform(1, 8))

    async def send(self, request: Request) -> Response:
        secret = request.secret_headers.get("x-api-key")
        if secret is None:
            self.mistreated["called without its key"] += 1
            raise CallLost(FailureClass.AUTH, "refused", status=401)
        key = secret.reveal()
        if not self.licensed(key):
            self.mistreated["called before the start of its sync was on disk"] += 1
        self.calls += 1
        self._open[key] += 1
        if self._open[key] > 1:
            self.mistreated["called twice at once for one account"] += 1
        try:
            await trio.sleep(self.dice.uniform(0.01, 20))
            return self._answer(key, request)
        finally:
            self._open[key] -= 1

    def _answer(self, key: str, request: Request) -> Response:
        now = self.clock.now()
        if self.down_until and now < self.down_until:
            raise CallLost(FailureClass.SERVER, "the provider failed (503)", status=503)
        if self.dice.random() < 0.01:
            raise CallLost(FailureClass.NETWORK, "the connection was lost")
        offset = int(request.params["offset"])
        blank = self.empty_until is not None and now < self.empty_until
        rows = [] if blank else sorted(self.account(key).values(), key=lambda row: row["id"])
        body = msgspec.json.encode({"rows": rows[offset : offset + PAGE]})
        return Response(status=200, headers={}, body=body, duration_ms=1)

    def _record(self, number: int) -> dict[str, Any]:
        return {"id": number, "value": self.dice.randrange(1000)}
