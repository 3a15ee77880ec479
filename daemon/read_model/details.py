"""Of whom may details be kept, and what is left of an event without them?

Details are how many records came when: by the hour of a connection and its tenant, with a sync, and
all of a stream's, its traces as well. How syncs went, calls, tokens and failures are what operating
needs. Sums of a provider, of the fleet and of a pass are nobody's.
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from daemon.read_model import reports, turns
from daemon.read_model.rows import Member, Rows
from events.consent import Believed, ConsentGranted, ConsentWithdrawn, MonitoringSet
from events.envelope import Recorded
from events.fact import Fact
from events.schema import FLEET, RecordsCaptured, RecordsRefused, SyncSucceeded
from events.versions import RecordsQuarantined
from projections.hours import AT

OF_CONSENT: frozenset[type[Fact]] = frozenset({MonitoringSet, ConsentGranted, ConsentWithdrawn})
TAGS = tuple(str(each.__struct_config__.tag) for each in OF_CONSENT)
FIGURES = ("records", "added", "changed", "removed")
"""Those of an hour that are details."""

_PLACES = tuple(AT[name] for name in FIGURES)


def note(said: dict[int, int], recorded: Recorded) -> None:
    """Remember what a tenant said, or what is believed of those who said nothing (0)."""
    match recorded.event:
        case MonitoringSet(consent=consent):
            said[FLEET] = int(consent is Believed.ASSUMED)
        case ConsentGranted():
            said[recorded.subject] = 1
        case ConsentWithdrawn():
            said[recorded.subject] = 0


def may_be_kept(said: dict[int, int], tenant: int) -> bool:
    return bool(said.get(tenant, said.get(FLEET, 1)))


def whose(
    subject: int, members: Mapping[int, Member], reporting: Iterable[int]
) -> dict[int, list[int]]:
    """The tenants for whom that was said, each with its connections; some have sources alone."""
    found: dict[int, list[int]] = {subject: []} if subject else {}
    for connection, member in members.items():
        if subject in {FLEET, member.tenant}:
            found.setdefault(member.tenant, []).append(connection)
    for tenant in reporting:
        if subject in {FLEET, tenant}:
            found.setdefault(tenant, [])
    return found


def without(event: Fact) -> Fact | None:
    """What is left of it to be counted; None where that is nothing."""
    match event:
        case RecordsCaptured():
            return None
        case SyncSucceeded():
            return replace(event, records=0)
        case RecordsRefused() | RecordsQuarantined():
            return replace(event, fetched=0)
        case _:
            return event


def forget(rows: Rows, tenant: int, connections: Collection[int]) -> None:
    """Of what is not written yet, and, once it is, of what was written before."""
    whose = {tenant, *connections}
    rows.forgotten.update(whose)
    reports.forget_details(rows, tenant)
    turns.forget_records(rows, {*connections})
    for sums in (rows.hours, rows.days):
        for (subject, _), figures in sums.items():
            if subject in whose:
                for place in _PLACES:
                    figures[place] = 0
    for streams in (rows.streams, rows.stream_days):
        for key in [key for key in streams if key[0] in whose]:
            del streams[key]
    rows.traces = [row for row in rows.traces if row[0] not in whose]
