"""Whose connections are meant, where somebody names a tenant and perhaps a provider?"""

from collections.abc import AsyncIterator, Iterable
from typing import TypeAlias

import trio

from daemon.control.desk import Desk, Refused
from projections.connection import Connection

LOOKS = 256  # connections looked at between two turns of the loop

Known: TypeAlias = tuple[int, Connection]
"""A connection with its subject."""


def chosen(desk: Desk, tenant: str | None, provider: str | None = None) -> list[Known]:
    """Those that live, in the order of their names. Raises Refused (not-found).

    `provider` may go on with an account. Without one it means the connection of that very name, and
    where there is none, all accounts there.
    """
    subject = desk.vault.subject("tenant", tenant) if tenant is not None else None
    found = [
        (each, known)
        for each, known in desk.journal.world.connections.items()
        if not known.removed
        and (tenant is None or known.tenant == subject)
        and (provider is None or _is_at(desk, each, known, provider))
    ]
    if not found and (tenant is not None or provider is not None):
        what = " to ".join(each or "''" for each in (tenant, provider) if each is not None)
        raise Refused(
            "not-found", f"there is no connection of {what}; `rounds connection list` shows all"
        )
    if tenant and provider:
        exact = f"{tenant}/{provider}"
        found = [each for each in found if desk.vault.name(each[0]) == exact] or found
    return sorted(found, key=lambda each: desk.vault.name(each[0]))


def one(desk: Desk, tenant: str, provider: str) -> Known:
    """The one of that name, else the only one there. Raises Refused."""
    found = chosen(desk, tenant, provider)
    if len(found) > 1:
        names = ", ".join(desk.vault.name(each) for each, _ in found)
        raise Refused("invalid", f"name one of them, with its account: {names}")
    return found[0]


async def unhurried(found: Iterable[Known]) -> AsyncIterator[Known]:
    """Each of them, without stalling everybody else where they are many."""
    for count, each in enumerate(found, 1):
        yield each
        if count % LOOKS == 0:
            await trio.lowlevel.checkpoint()


def provider_of(desk: Desk, known: Connection) -> str:
    """Its name."""
    at = desk.journal.world.providers.get(known.provider)
    return at.name if at and at.name else desk.vault.name(known.provider)


def _is_at(desk: Desk, subject: int, known: Connection, provider: str) -> bool:
    rest = desk.vault.name(subject).partition("/")[2]
    return provider in {rest, provider_of(desk, known)}
