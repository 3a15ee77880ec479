"""What is said of a provider's end, and of a connection that moves on?"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import TypeAlias, assert_never

from daemon import retirement_words
from daemon.cli import times
from daemon.control.provider_messages import RetirementView
from events.schema import (
    ConnectionRelinked,
    ProviderRetired,
    ProviderReturned,
    RetirementAnnounced,
)

Ending: TypeAlias = ConnectionRelinked | RetirementAnnounced | ProviderRetired | ProviderReturned
Facts = list[tuple[str, str]]


def told(event: Ending, by: str, names: Mapping[int, str]) -> str:
    """`names` holds those of the connections and providers that the event speaks of."""
    match event:
        case ConnectionRelinked(provider=provider, before=before):
            there, from_ = names.get(provider, "another provider"), names.get(before, "its own")
            return f"connection moved from {from_} to {there}{by}; its past goes with it"
        case RetirementAnnounced(deprecated=deprecated, since=since, sunset=sunset):
            said = retirement_words.announced(deprecated=deprecated, since=since, sunset=sunset)
            return f"the provider {said}"
        case ProviderRetired(connection=connection, successor=successor):
            after = f"; its successor is {successor}" if successor else ""
            who = names.get(connection, "a connection")
            return f"the provider is switched off for good, as {who} found{after}"
        case ProviderReturned(connection=connection):
            who = names.get(connection, "a connection")
            return f"the provider is not switched off after all: {who} got through"
        case _:
            assert_never(event)


def facts(view: RetirementView, now: datetime, connection: str | None = None) -> Facts:
    """What is known of a provider's end; and what to type for a connection."""
    found = []
    after = f"; its successor is {view.successor}" if view.successor else ""
    if view.found_at is not None:
        when = times.relative(view.found_at, now)
        found.append(("retired", f"it answers that it is gone for good, found {when}{after}"))
    elif view.retired:
        found.append(("retired", f"{_off(view, now.date())}{after}"))
    if view.announced_at is not None:
        found.append(("its end", f"it {_announced(view)}{'' if found else after}"))
    if connection is not None and (view.successor or is_over(view, now.date())):
        found.append(("type", retirement_words.way_on(connection, view.successor)))
    return found


def notice(provider: str, view: RetirementView, today: date) -> str:
    """One line for the status."""
    if is_over(view, today):
        what = "is switched off for good" if view.found_at else f"was {_off(view, today)}"
    else:
        what = _announced(view) if view.announced_at else f"is {_off(view, today)}"
    way = retirement_words.way_on("NAME", view.successor)
    after = f"; its successor is {view.successor}: {way}" if view.successor else f": {way}"
    return f"{provider} {what}{after}"


def is_over(view: RetirementView, today: date) -> bool:
    return view.found_at is not None or retirement_words.is_off(view.retired, today)


def _announced(view: RetirementView) -> str:
    return retirement_words.announced(
        deprecated=view.deprecated, since=view.since, sunset=view.sunset
    )


def _off(view: RetirementView, today: date) -> str:
    return retirement_words.off(view.retired, today)
