"""As of when does somebody ask for data: a moment, or a version by its number?"""

import re
from datetime import datetime

import click

from daemon.cli import times, when
from daemon.cli.client import Client

HELP = "a time ('2026-11-20 14:00', 14:00, -2h), an event (1204), or a version (v1204)"

as_of = click.option("--as-of", "as_of", metavar="WHEN", help=f"As of then: {HELP}.")

provider = click.option(
    "--provider", metavar="NAME", help="What came from NAME, before the connection was moved."
)


def sent(daemon: Client, typed: str | None) -> str | None:
    """The same as the API takes it. Raises Ended."""
    if typed is None or re.fullmatch(r"v[0-9]+", typed):
        return typed
    return when.sent(typed, daemon.now())


def since(at: datetime | None, event: int | None) -> str:
    """From when on a version is in force."""
    if at is None:
        return ""
    return f"{times.local(at)}" + (f", event {event}" if event is not None else "")
