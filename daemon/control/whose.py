"""Whose connections are meant, where somebody names a tenant and perhaps a provider?"""

import heapq
from collections.abc import AsyncIterator, Iterable
from typing import Literal, TypeAlias, TypeVar

import trio

from daemon.control.desk import Desk, Refused
from projections import under
from projections.connection import Connection

LOOKS = 256  # connections looked at between two turns of the loop
T = TypeVar("T")

LISTED = {
    "tenant": "`rounds connection list` and `rounds source list` show all",
    "provider": "`rounds connection list` shows at which there are connections",
}
"""What is typed to see who there is."""

Known: TypeAlias = tuple[int, Connection]
"""A connection with its subject."""


async def chosen(desk: Desk, tenant: str | None, provider: str | None = None) -> list[Known]:
    """Those that live, in the order of their names. Raises Refused (not-found).

    `provider` may go on with an account. Without one it means the connection of that very name, and
    where there is none, all accounts there. A tenant's are found without a look at anybody else's.
    """
    found = [
        each
        async for each in unhurried(of(desk, tenant))
        if provider is None or _is_at(desk, *each, provider)
    ]
    if not found and (tenant is not None or provider is not None):
        what = " to ".join(each or "''" for each in (tenant, provider) if each is not None)
        raise Refused(
            "not-found", f"there is no connection of {what}; `rounds connection list` shows all"
        )
    if tenant and provider:
        exact = f"{tenant}/{provider}"
        found = [each for each in found if desk.vault.name(each[0]) == exact] or found
    return await in_order(desk, found)


async def chosen_or(
    desk: Desk, tenant: str | None, provider: str | None = None, *, none: bool
) -> list[Known]:
    """The same, where there may be `none`, since something else is there. Raises Refused."""
    try:
        return await chosen(desk, tenant, provider)
    except Refused:
        if none:
            return []
        raise


def enrolled(desk: Desk, kind: Literal["tenant", "provider"], name: str) -> int:
    """The tenant, or the provider, of that name. Raises Refused (not-found)."""
    found, world = desk.vault.subject(kind, name), desk.journal.world
    if found is None or found not in (world.tenants if kind == "tenant" else world.providers):
        raise Refused("not-found", f"there is no {kind} {name}; {LISTED[kind]}")
    return found


async def one(desk: Desk, tenant: str, provider: str) -> Known:
    """The one of that name, else the only one there. Raises Refused."""
    found = await chosen(desk, tenant, provider)
    if len(found) > 1:
        names = ", ".join(desk.vault.name(each) for each, _ in found)
        raise Refused("invalid", f"name one of them, with its account: {names}")
    return found[0]


async def unhurried(found: Iterable[T]) -> AsyncIterator[T]:
    """Each of them, without stalling everybody else where they are many."""
    for count, each in enumerate(found, 1):
        yield each
        if count % LOOKS == 0:
            await trio.lowlevel.checkpoint()


def of(desk: Desk, tenant: str | None) -> list[Known]:
    """Those that live of the tenant of that name, or of all that may be seen."""
    world, tenants = desk.journal.world, desk.sees
    if tenant is not None:
        subject = desk.vault.subject("tenant", tenant)
        tenants = frozenset() if subject is None else frozenset({subject})
    if tenants is None:
        return [each for each in world.connections.items() if not each[1].removed]
    found = sorted(each for above in tenants for each in under.connections(world.under, above))
    return [(each, world.connections[each]) for each in found]


def provider_of(desk: Desk, known: Connection) -> str:
    """Its name."""
    at = desk.journal.world.providers.get(known.provider)
    return at.name if at and at.name else desk.vault.name(known.provider)


async def in_order(desk: Desk, found: list[Known]) -> list[Known]:
    """By their names: a few at a time, and these then merged."""
    runs: list[list[tuple[str, Known]]] = []
    for at in range(0, len(found), LOOKS):
        runs.append(sorted((desk.vault.name(each[0]), each) for each in found[at : at + LOOKS]))
        await trio.lowlevel.checkpoint()
    return [each async for _, each in unhurried(heapq.merge(*runs))]


def _is_at(desk: Desk, subject: int, known: Connection, provider: str) -> bool:
    rest = desk.vault.name(subject).partition("/")[2]
    return provider in {rest, provider_of(desk, known)}
