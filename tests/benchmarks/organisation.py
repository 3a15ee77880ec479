"""Which organisation is asked? Its providers, connections and past, for a daemon of its own.

The log is there before the daemon's first start; its past ends now, so that a question about the
last thirty days finds all of them.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from daemon.clock import SystemClock
from daemon.vault import open_vault
from events import schema, terms
from tests.benchmarks import long_log, past
from tests.benchmarks.alive import Account
from tests.benchmarks.past import Cast, Past
from tests.cli.world import World
from tests.cli.world import world as home_of

PROVIDERS = {
    ("days",): "steps",
    ("days", "sleep"): "rest",
    ("days", "sleep", "heart"): "pulse",
}
"""Each has a stream more than the one before; all are answered on loopback."""

WRITTEN = {
    timedelta(hours=6): "6h",
    timedelta(hours=1): "1h",
    timedelta(minutes=15): "15m",
}


class Organisation(NamedTuple):
    """A home whose daemon may start, and who lives there: the tenants' names, the asked one first.

    `subjects` are the asked tenant's connections, by name.
    """

    made: World
    tenants: list[str]
    subjects: dict[str, int]
    past: Past


@contextmanager
def organisation(events: int, days: float, tenants: int = 1) -> Iterator[Organisation]:
    """One with so many events, of so many tenants alike."""
    plan = past.plan(events, days, tenants)
    named = {
        f"t{tenant:03}/{PROVIDERS[streams]}/a{place:04}": (interval, streams)
        for place, (tenant, interval, streams) in enumerate(plan)
    }
    with home_of() as made:
        _declare(made, named)
        end = SystemClock().now()
        lived, subjects = _lived(made, named, events, end - timedelta(days=days), end)
        written = long_log.write(made.home.state, past.recorded(lived))
        assert written == events, "the log is as long as was wanted"
        tenant = f"t{0:03}"
        yield Organisation(
            made=made,
            tenants=sorted({name.partition("/")[0] for name in named}),
            subjects={k: v for k, v in subjects.items() if k.startswith(f"{tenant}/")},
            past=lived,
        )


Named = dict[str, tuple[timedelta, tuple[str, ...]]]


def _declare(made: World, named: Named) -> None:
    paging = {"kind": "page", "start": 0, "size": 10}
    guards = {"shrunk": "accept"}  # what is on loopback is not what the past holds
    stream = {"path": "/days", "primary_key": ["date"], "paging": paging, "guards": guards}
    for streams, provider in PROVIDERS.items():
        made.home.provide(provider, made.provider.url, streams=dict.fromkeys(streams, stream))
    made.home.configure(
        *[
            (name, {"interval": WRITTEN[interval], "provider": name.split("/")[1]})
            for name, (interval, _) in named.items()
        ]
    )


def _lived(
    made: World, named: Named, events: int, begin: datetime, end: datetime
) -> tuple[Past, dict[str, int]]:
    """Its past, under the numbers that the daemon's vault gives to all these names."""
    made.home.state.mkdir(mode=0o700)
    with closing(open_vault(made.home.state, None)) as vault:
        names = [*named]
        vault.enrol_all("provider", PROVIDERS.values())
        vault.enrol_all("tenant", [name.partition("/")[0] for name in names])
        vault.enrol_all("connection", names)
        providers = {streams: vault.enrol("provider", PROVIDERS[streams]) for streams in PROVIDERS}
        subjects = {name: vault.enrol("connection", name) for name in names}
        accounts = tuple(
            Account(
                subject=subjects[name],
                tenant=vault.enrol("tenant", name.partition("/")[0]),
                provider=providers[streams],
                interval=interval,
                streams=streams,
                added=past.added(begin, end, place, len(named)),
            )
            for place, (name, (interval, streams)) in enumerate(named.items())
        )
    declared = {
        subject: schema.ProviderDeclared(
            name=PROVIDERS[streams],
            digest="",
            streams=tuple(terms.StreamPolicy(name=each) for each in streams),
        )
        for streams, subject in providers.items()
    }
    cast = Cast(providers=declared, accounts=accounts)
    return Past(cast=cast, events=events, begin=begin, end=end), subjects
