"""What does a story know of the connection that lives through it?

A story is a generator of facts: each is when, of whom, and what. It is sent back the number that
the fact got in the log, or, where it told nothing, the number of the last one.
"""

import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec import Struct

from events import schema
from tests.benchmarks.harvest import Field
from tests.benchmarks.outages import Outage

Told: TypeAlias = tuple[datetime, int, schema.Event | None]
Story: TypeAlias = Generator[Told, int, None]
Retold: TypeAlias = Generator[Told, int, datetime]
"""A part of a story: it comes to the moment at which the story goes on."""

QUIET = timedelta(minutes=4)  # before the end nothing begins that might last beyond it
USUAL_MS = 1800.0  # a sync


class Account(Struct, frozen=True, kw_only=True):
    """A connection, as it is added: when, whose, where, and how often it is synced."""

    subject: int
    tenant: int
    provider: int
    interval: timedelta
    streams: tuple[str, ...]
    added: datetime
    oauth: bool = False


@dataclass
class Alive:
    """What a story knows of its connection by now."""

    account: Account
    outages: Sequence[Outage]
    dice: random.Random
    end: datetime
    fields: list[Field] = field(default_factory=list)
    usual_ms: float = USUAL_MS
    generation: int = 1
    expires_at: datetime | None = None
    streak: int = 0
    probes: int | None = None  # that got through, while the breaker is open
