"""What stands on the desk for somebody who may see some tenants alone?

Other tenants are not there: no connection, no name, no write, nobody in the queue. So an operation
need not know who asks, and what it says of who is not there it says of who may not be seen.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from msgspec.structs import replace

from daemon.commands import Command
from daemon.control import whose
from daemon.control.desk import Desk
from daemon.journal import Journal
from daemon.names import NameKind
from daemon.vault import Vault
from events.envelope import Recorded
from events.schema import FLEET
from projections.connection import Connection
from projections.under import Under
from projections.world import World

T = TypeVar("T")


class _Some(Mapping[int, T], Generic[T]):
    """Those entries of a map that may be seen, as they are at the time of asking."""

    def __init__(self, whole: Mapping[int, T], seen: Callable[[int], bool]) -> None:
        self._whole = whole
        self._seen = seen

    def __getitem__(self, subject: int) -> T:
        found = self._whole[subject]
        if not self._seen(subject):
            raise KeyError(subject)
        return found

    def __iter__(self) -> Iterator[int]:
        return (each for each in self._whole if self._seen(each))

    def __len__(self) -> int:
        return sum(map(self._seen, self._whole))


class _SeenUnder(Mapping[int, list[int]]):
    """Who is under a tenant, or a provider, of those that may be seen."""

    def __init__(self, whole: Under, seen: Callable[[int], bool]) -> None:
        self._whole = whole
        self._seen = seen

    def __getitem__(self, subject: int) -> list[int]:
        found = [each for each in self._whole[subject] if self._seen(each)]
        if not found:
            raise KeyError(subject)
        return found

    def __iter__(self) -> Iterator[int]:
        return (each for each in self._whole if each in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _SeenJournal(Journal):
    """The journal itself, but that its World has nobody else in it."""

    def __init__(self, journal: Journal, tenants: frozenset[int]) -> None:
        self.__dict__.update(_journal=journal, _tenants=tenants)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_journal"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.__dict__["_journal"], name, value)

    @property
    def whole(self) -> World:
        """The World of all, for whoever looks after what is shown of it."""
        journal: Journal = self.__dict__["_journal"]
        return journal.world

    @property
    def world(self) -> World:  # type: ignore[override]
        """The same one until another event happens: who shows many events asks for it each time."""
        whole = self.whole
        seen: World | None = self.__dict__.get("_seen")
        if seen is None or seen.seq != whole.seq:
            self.__dict__["_seen"] = seen = world(whole, self.__dict__["_tenants"])
        return seen

    def execute(self, command: Command) -> list[Recorded]:
        """Decided by all that is true: a place that others have is taken."""
        whole: Journal = self.__dict__["_journal"]
        return whole.execute(command)


class _SeenVault(Vault):
    """The vault itself, but that it does not know, and does not tell, anybody else's name."""

    def __init__(self, vault: Vault, desk: Desk, tenants: frozenset[int]) -> None:
        def subject(kind: NameKind, name: str) -> int | None:
            found = vault.subject(kind, name)
            return found if found is not None and seen(found) else None

        def name(subject: int) -> str:
            return vault.name(subject) if seen(subject) else HIDDEN

        def seen(subject: int) -> bool:
            known = desk.journal.world.connections.get(subject)
            if known is not None:
                return known.tenant in tenants
            there = vault.name(subject).partition("/")[0]  # of a tenant, or of who was never added
            if vault.subject("provider", there) == subject:
                return True
            return vault.subject("tenant", there) in tenants

        self.__dict__.update(_vault=vault, subject=subject, name=name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_vault"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.__dict__["_vault"], name, value)


HIDDEN = "another's"


def desk_for(desk: Desk, names: frozenset[str] | None) -> Desk:
    """The desk for somebody who may see tenants of these names; None is all."""
    if names is None:
        return desk
    subjects = (desk.vault.subject("tenant", name) for name in names)
    sees = frozenset(each for each in subjects if each is not None)
    journal, vault = _SeenJournal(desk.journal, sees), _SeenVault(desk.vault, desk, sees)
    return replace(desk, journal=journal, vault=vault, sees=sees)


def world(whole: World, tenants: frozenset[int]) -> World:
    """What is true of these tenants, and of what all share. It costs no walk over the fleet."""

    def seen(subject: int) -> bool:
        known = whole.connections.get(subject)
        return known is not None and known.tenant in tenants

    def reports(subject: int) -> bool:
        known = whole.sources.get(subject)
        return known is not None and known.tenant in tenants

    def shared(subject: int) -> bool:
        return seen(subject) or reports(subject) or subject in whole.providers or subject == FLEET

    fleet = whole.fleet
    return World(
        seq=whole.seq,
        at=whole.at,
        fleet=replace(
            fleet,
            running=frozenset(filter(seen, fleet.running)),
            retrying=frozenset(filter(seen, fleet.retrying)),
            restoring=frozenset(filter(seen, fleet.restoring)),
            passes=(),
        ),
        connections=cast("dict[int, Connection]", _Some(whole.connections, seen)),
        providers=whole.providers,
        tenants=cast("dict[int, Any]", _Some(whole.tenants, tenants.__contains__)),
        scopes=whole.scopes,
        outboxes=cast("dict[int, Any]", _Some(whole.outboxes, seen)),
        outbox_bytes=whole.outbox_bytes,
        under=cast("Under", _SeenUnder(whole.under, seen)),
        sources=cast("dict[int, Any]", _Some(whole.sources, reports)),
        issues=cast("dict[int, Any]", _Some(whole.issues, shared)),
        signs=cast("dict[int, Any]", _Some(whole.signs, shared)),
    )


def counted(desk: Desk) -> Counter[int] | None:
    """How many connections each provider has that may be seen; None where all may."""
    if desk.sees is None:
        return None
    return Counter(known.provider for _, known in whose.of(desk, None))


async def subjects(desk: Desk) -> list[int] | None:
    """Whose events may be seen, also of what was removed; None where all may."""
    if desk.sees is None:
        return None
    whole = _whole(desk)
    known = [*whole.connections, *whole.sources]
    own = [each async for each in whose.unhurried(known) if _tenant(whole, each) in desk.sees]
    return [*desk.sees, *own]


def is_seen(desk: Desk, subject: int) -> bool:
    """Whether events of that subject may be seen."""
    if desk.sees is None or subject in desk.sees:
        return True
    return _tenant(_whole(desk), subject) in desk.sees


def _whole(desk: Desk) -> World:
    journal = desk.journal
    assert isinstance(journal, _SeenJournal), "who sees some alone has a journal of theirs"
    return journal.whole


def _tenant(whole: World, subject: int) -> int | None:
    """Whose connection, or source, it is, or was."""
    known = whole.connections.get(subject) or whole.sources.get(subject)
    return known.tenant if known is not None else None
