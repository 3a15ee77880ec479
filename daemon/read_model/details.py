"""Of whom may details be kept, and what is left of an event without them?

Details are how many records came when: by the hour of a connection and its tenant, with a sync, and
all of a stream's, its traces as well. How syncs went, calls, tokens and failures are what operating
needs. Sums of a provider, of the fleet and of a pass are nobody's.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from daemon.read_model import reports, turns
from daemon.read_model.rows import Member, Rows
from events.consent import Believed, ConsentGranted, ConsentWithdrawn, MonitoringSet
from events.envelope import Recorded
from events.fact import Fact
from events.schema import FLEET, RecordsCaptured, RecordsRefused, SyncSucceeded
from events.versions import RecordsQuarantined
from projections.hours import AT
from projections.under import Under

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


class Consents:
    """What tenants said of details, and which connections are whose: of those that live or did."""

    def __init__(
        self, said: dict[int, int], members: Mapping[int, Member], reporting: Iterable[int]
    ) -> None:
        """`said` is as `note` writes it; the tenants in `reporting` have sources."""
        self._said = said
        self._under: Under = {}
        for tenant in reporting:
            self.join(tenant)
        for connection, member in members.items():
            self.join(member.tenant, connection)

    def join(self, tenant: int, *connections: int) -> None:
        """It is there, with these new ones, or with sources alone."""
        self._under.setdefault(tenant, []).extend(connections)

    def may_keep(self, tenant: int) -> bool:
        return not self._said or may_be_kept(self._said, tenant)

    def note(self, recorded: Recorded) -> tuple[Under, Under]:
        """Whose details were kept until that event, and whose are from it on; with connections."""
        subject = recorded.subject
        concerned = self._under if subject == FLEET else {subject: self._under.get(subject, [])}
        before = {each for each in concerned if self.may_keep(each)}
        note(self._said, recorded)
        after = {each for each in concerned if self.may_keep(each)}
        gone = {each: concerned[each] for each in before - after}
        return gone, {each: concerned[each] for each in after - before}


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


def forget(rows: Rows, tenants: Under) -> None:
    """Those of tenants and their connections: of what is not written yet, and of what was before.

    What was written goes when the rest is written.
    """
    if not tenants:
        return
    whose = {*tenants}.union(*tenants.values())
    rows.forgotten.update(whose)
    reports.forget_details(rows, tenants)
    turns.forget_records(rows, whose)
    for sums in (rows.hours, rows.days):
        for (subject, _), figures in sums.items():
            if subject in whose:
                for place in _PLACES:
                    figures[place] = 0
    for streams in (rows.streams, rows.stream_days):
        for key in [key for key in streams if key[0] in whose]:
            del streams[key]
    rows.traces = [row for row in rows.traces if row[0] not in whose]
