"""Of whom does an answer speak, by what was asked?"""

from collections.abc import Mapping
from enum import Enum, auto
from functools import cache

import msgspec
from msgspec import Struct

from daemon.control.desk import Desk, Refused
from events.schema import FLEET
from projections import outbox


class Speaks(Enum):
    """What each operation and stream declares of itself.

    NOBODY: of the host, or of what holds for all. NAMED: of the tenant whom the request names (by
    itself, by a connection or by a write), of all where it names none. NAMED_ALONE: where it names
    none, it asks for what holds for all. EVERYBODY: of all tenants, whatever is asked.
    """

    NOBODY = auto()
    NAMED = auto()
    NAMED_ALONE = auto()
    EVERYBODY = auto()


BY_NAME: Mapping[str, Speaks] = {
    **dict.fromkeys(
        (
            "log-stats",
            "providers",
            "provider-client",
            "read-model",
            "read-model-rebuild",
            "snapshots",
            "snapshot-take",
            "vault-rotate",
        ),
        Speaks.NOBODY,
    ),
    **dict.fromkeys(("breakers", "connections", "process-queue", "status"), Speaks.EVERYBODY),
    **dict.fromkeys(
        (
            "breaker-close",
            "breaker-open",
            "breaker-reset",
            "policy",
            "policy-reset",
            "policy-set",
        ),
        Speaks.NAMED_ALONE,
    ),
    **dict.fromkeys(
        (
            "add",
            "analyze-sync-health",
            "audit-reads",
            "authorize-begin",
            "authorize-finish",
            "backfill",
            "cache",
            "cache-drop",
            "calculate-connection-health-score",
            "calculate-data-drift",
            "cancel",
            "check-health",
            "connection",
            "consent",
            "consent-grant",
            "consent-withdraw",
            "data",
            "data-diff",
            "data-versions",
            "detect-sync-issues",
            "diff",
            "drift",
            "drift-backtest",
            "enqueue-sync-with-failover",
            "execute-sync",
            "explain",
            "failure",
            "failure-log",
            "get-next-rotation-provider",
            "get-queue-health-metrics",
            "get-retry-analytics",
            "get-sync-health-history",
            "get-sync-health-status",
            "get-sync-system-health",
            "issues",
            "log",
            "outbox",
            "outbox-delivered",
            "outbox-drop",
            "outbox-retry",
            "outbox-write",
            "pause",
            "quarantine",
            "quarantine-accept",
            "quarantine-drop",
            "quarantine-version",
            "queue",
            "recommend",
            "relink",
            "remove",
            "replay",
            "report",
            "request",
            "resume",
            "retry",
            "rollback",
            "rollback-preview",
            "rollback-targets",
            "schedule",
            "schedule-next-rotation",
            "schedule-rotation",
            "source",
            "source-add",
            "source-remove",
            "source-set",
            "source-token",
            "sources",
            "sync",
            "sync-all",
            "tail",
            "update-connection-health",
            "update-connection-health-status",
            "update-sync-health-metrics",
            "watch",
        ),
        Speaks.NAMED,
    ),
}
"""Of every operation and stream; what is not here cannot be served."""

OF_ALL = frozenset(
    {
        "log-stats",
        "process-queue",
        "provider-client",
        "read-model-rebuild",
        "snapshot-take",
        "snapshots",
        "sync-all",
        "vault-rotate",
    }
)
"""What is done with all tenants at once, or with what all share: not for who may see some alone."""

OF_ALL_UNNAMED = frozenset(
    {
        "breaker-close",
        "breaker-open",
        "breaker-reset",
        "diff",
        "failure-log",
        "get-retry-analytics",
        "get-sync-health-history",
        "policy-reset",
        "policy-set",
        "replay",
    }
)
"""The same, where whom it is about is not named."""

WHOSE = ("connection", "tenant", "write", "source")
"""By which arguments a request names whom it is about."""

NAMES = ("connection", "tenant", "provider", "source")
NONE = frozenset[int]()


def whom(desk: Desk, speaks: Speaks, wish: Struct) -> frozenset[int] | None:
    """The tenants of whom the answer will speak, None for all; none of one who is not there."""
    match speaks:
        case Speaks.NOBODY:
            return NONE
        case Speaks.EVERYBODY:
            return desk.sees
        case _:
            pass
    if names_nobody(wish):
        return desk.sees if speaks is Speaks.NAMED else NONE
    tenant = _tenant(desk, wish)
    return NONE if tenant is None else frozenset({tenant})


def check(desk: Desk, name: str, wish: Struct) -> None:
    """Raise Refused where that is not for somebody who may see some tenants alone."""
    if desk.sees is None:
        return
    if name in OF_ALL:
        raise Refused("not-allowed", f"{name} concerns all tenants, and you may see some alone")
    if name in OF_ALL_UNNAMED and names_nobody(wish):
        raise Refused(
            "not-allowed",
            f"{name} without a connection or tenant concerns all, and you may see some alone: "
            "name one",
        )


def check_names(wish: Struct) -> None:
    """Raise Refused where a name that may be left out is empty: to leave it out asks of all."""
    for each in _left_out(type(wish)):
        if getattr(wish, each) == "":
            raise Refused("invalid", f"{each} is empty; name one, or leave it out")


@cache
def _left_out(wish: type[Struct]) -> tuple[str, ...]:
    """The names that need not be given; one that must be is nobody's where it is empty."""
    fields = msgspec.structs.fields(wish)
    return tuple(each.name for each in fields if each.name in NAMES and not each.required)


def names_nobody(wish: Struct) -> bool:
    return all(getattr(wish, each, None) is None for each in WHOSE)


def _tenant(desk: Desk, wish: Struct) -> int | None:
    world, vault = desk.journal.world, desk.vault
    if (name := getattr(wish, "connection", None)) is not None:
        subject, source = vault.subject("connection", name), vault.subject("source", name)
        known = world.connections.get(subject or FLEET) or world.sources.get(source or FLEET)
        return known.tenant if known else None
    if (number := getattr(wish, "write", None)) is not None:
        writer = world.connections.get(outbox.whose(world.outboxes, number) or FLEET)
        return writer.tenant if writer else None
    source_of = getattr(wish, "source", "").partition("/")[0]
    tenant = vault.subject("tenant", getattr(wish, "tenant", None) or source_of)
    return tenant if tenant in world.tenants else None
