"""What may the configuration say of a source and of the port for reports, and when is one late?

Three patterns say what can honestly be expected; each of a source's own words goes before.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct
from msgspec.structs import replace

from daemon.duration import Duration, duration
from events.sources import Expectation, Pattern

SOURCE_NAME = re.compile(r"[A-Za-z0-9][\w.@+-]{0,63}/[A-Za-z0-9][\w.@+-]{0,63}", re.ASCII)
HOSTS_MAX = 16
REQUESTS_A_MINUTE = 60  # one a second: who has more to report sends many at once

PATTERNS: Mapping[Pattern, Expectation] = {
    # Doze opens maintenance windows at most six hours apart, and an app of the standby bucket
    # "frequent" runs its jobs for ten minutes in eight hours (working set: two hours), by
    # developer.android.com/topic/performance/power/power-details; "rare" and vendors' own savers
    # are worse. So a quiet phone may say nothing for eight hours without anything being wrong.
    Pattern.ANDROID: Expectation(
        pattern=Pattern.ANDROID,
        every=timedelta(hours=2),
        late_after=timedelta(hours=10),
        night=True,
    ),
    # Background refresh is a wish ("no earlier than"), never a promise: iOS grants it by when the
    # person uses the app, and not at all in low power mode or after the app was swiped away
    # (BGAppRefreshTaskRequest.earliestBeginDate). Only a day without a word says something.
    Pattern.IOS: Expectation(
        pattern=Pattern.IOS,
        every=timedelta(hours=6),
        late_after=timedelta(hours=24),
        night=True,
    ),
    # A person uploads when they think of it; two weeks are twice a weekly habit.
    Pattern.MANUAL: Expectation(
        pattern=Pattern.MANUAL,
        every=timedelta(days=7),
        late_after=timedelta(days=14),
    ),
}


class SourceTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One source. What it does not say is its pattern's."""

    pattern: Pattern
    expected_every: Duration | None = None
    late_after: Duration | None = None
    night: bool | None = None


class IngestSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The port for reports; there is none where nothing is said of `listen`.

    `hosts` are the names by which the proxy before it may pass requests on, besides its address.
    """

    listen: str | None = None
    hosts: Annotated[tuple[str, ...], Meta(max_length=HOSTS_MAX)] = ()
    requests_a_minute: Annotated[int, Meta(ge=1, le=6000)] = REQUESTS_A_MINUTE


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int


class NotLoopback(Exception):
    """Nobody but this host's own proxy may reach the port. The text is a clause."""


def expectation(table: SourceTable) -> Expectation:
    """What is expected of a source. Raises ValueError, whose text is a clause."""
    usual = PATTERNS[table.pattern]
    every = duration(table.expected_every) if table.expected_every else usual.every
    late_after = duration(table.late_after) if table.late_after else max(usual.late_after, every)
    if late_after < every:
        raise ValueError("would be late before its next report is due: late_after is too short")
    night = usual.night if table.night is None else table.night
    return replace(usual, every=every, late_after=late_after, night=night)


def check(sources: Mapping[str, SourceTable], ingest: IngestSettings) -> str | None:
    """What is wrong with what the configuration says of them, as a clause, or None."""
    for name, table in sources.items():
        if wrong := check_name(name):
            return f"sources: {wrong}"
        try:
            expectation(table)
        except ValueError as error:
            return f"sources.{name} {error}"
    try:
        if ingest.listen is not None:
            address(ingest.listen)
    except NotLoopback as error:
        return f"ingest.listen: {error}"
    wrong = _check_hosts(ingest.hosts)
    return f"ingest.hosts: {wrong}" if wrong else None


def check_name(name: str) -> str | None:
    """What is wrong with a source's name, as a clause, or None."""
    if SOURCE_NAME.fullmatch(name):
        return None
    return f"{name!r} is not tenant/source (letters, digits, . _ @ + -), such as alice/phone-calls"


def address(listen: str) -> Address:
    """Where the port for reports is. Raises NotLoopback."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):([0-9]{1,5})", listen)
    if found is None or not 0 < int(found[3]) < 65_536:
        raise NotLoopback(f"{listen!r} is not an address with a port, such as 127.0.0.1:8788")
    host = found[1] or found[2]
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise NotLoopback(f"{host!r} is not an IP address") from None
    if not is_loopback:
        raise NotLoopback(
            f"{listen} is not on loopback: phones send tokens, so a TLS proxy of this host stands "
            "before the port; listen at 127.0.0.1 and let it pass requests on"
        )
    return Address(host, int(found[3]))


def _check_hosts(hosts: tuple[str, ...]) -> str | None:
    """What is wrong with names of hosts, as a clause, or None."""
    for each in hosts:
        if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?", each):
            return f"{each!r} is not a host's name, such as reports.example.org"
    return None
