"""What befalls the fleet's providers: outages, storms of 429, answers without records, the end?

`live` lets an hour's worth happen; a call of the object says how an account is refused now, if so.
"""

import random
from datetime import datetime, timedelta

from daemon.clock import Clock
from daemon.exchange import CallLost
from events.terms import FailureClass
from tests.fakes.provider import FakeProvider

HOUR = timedelta(hours=1)


class Outages:
    """It fails for hours, in whichever way comes first."""

    def __init__(self, clock: Clock, dice: random.Random) -> None:
        self.clock = clock
        self.dice = dice
        self.until: datetime | None = None

    def live(self) -> None:
        if self.dice.random() < 0.06:
            self.until = self.clock.now() + self.dice.uniform(0.5, 9) * HOUR

    def __call__(self, account: str) -> CallLost | None:
        if self.until is None or self.clock.now() >= self.until:
            return None
        return self.dice.choice(
            [
                CallLost(FailureClass.SERVER, "the provider failed (503)", status=503),
                CallLost(FailureClass.TIMEOUT, "no answer came in time"),
                CallLost(FailureClass.NETWORK, "nobody listens", sent=False),
            ]
        )

    def calm(self) -> None:
        self.until = None


class Storms:
    """It wants fewer calls for a while, and says for how long, or does not."""

    def __init__(self, clock: Clock, dice: random.Random) -> None:
        self.clock = clock
        self.dice = dice
        self.until: datetime | None = None
        self.hinted = False

    def live(self) -> None:
        if self.dice.random() < 0.15:
            self.until = self.clock.now() + self.dice.uniform(0.1, 2) * HOUR
            self.hinted = self.dice.random() < 0.5

    def __call__(self, account: str) -> CallLost | None:
        stormy = self.until is not None and self.clock.now() < self.until
        if not stormy or self.dice.random() < 0.2:
            return None
        hint = timedelta(seconds=self.dice.randint(20, 21600)) if self.hinted else None
        return CallLost(FailureClass.RATE_LIMITED, "fewer", status=429, retry_after=hint)

    def calm(self) -> None:
        self.until = None


class Fading:
    """It answers with nothing for hours; and from some hour on some accounts are switched off."""

    def __init__(self, provider: FakeProvider, dice: random.Random, retires: datetime) -> None:
        self.provider = provider
        self.dice = dice
        self.retires = retires

    def live(self) -> None:
        if self.dice.random() < 0.04:
            self.provider.empty_until = self.provider.clock.now() + self.dice.uniform(1, 8) * HOUR

    def __call__(self, account: str) -> CallLost | None:
        if self.provider.clock.now() < self.retires or len(account) % 2:
            return None
        return CallLost(FailureClass.RETIRED, "it is switched off (410)", status=410)

    def calm(self) -> None:
        self.provider.empty_until = None


Weather = Outages | Storms | Fading
