"""How do a clock that stands still and a log that commits at once behave?"""

import random
from datetime import datetime, timedelta


class Standing:
    """A clock that stands still until it is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def drift(self) -> timedelta:
        return timedelta()


class Prompt(random.Random):
    """Dice for a log that never hesitates."""

    def random(self) -> float:
        return 1.0

    def uniform(self, a: float, b: float) -> float:
        return a

    def randint(self, a: int, b: int) -> int:
        return b
