"""What does an event about who was told of whom say, in one plain line?"""

from collections.abc import Mapping

from daemon.cli import times
from events.access import AccessEvent, ExcerptRead, FleetRead

NAMED_MAX = 5  # in one line; how many there are stands beside them


def told(event: AccessEvent, by: str, names: Mapping[int, str]) -> str:
    """`by` says who, as a clause."""
    if isinstance(event, ExcerptRead):
        whose = names[event.connection]
        return (
            f"shown{by} ({event.by.role}): what the provider of {whose} said, {of(event.failure)}"
        )
    tenants = event.tenants if isinstance(event, FleetRead) else ()
    whom = "all tenants" if tenants is None else several([names[each] for each in tenants])
    since = times.local(event.since)
    read = f"{whom} read" if whom else "read"
    return f"{read}{by} ({event.by.role}) since {since}: {asked(event.operations)}"


def of(failure: int) -> str:
    """Of which failure somebody was shown what the provider said."""
    return f"the failure of event {failure}"


def several(tenants: list[str]) -> str:
    """Some of them by name, where they are many."""
    left = len(tenants) - NAMED_MAX
    return ", ".join(tenants[:NAMED_MAX]) + (f" and {left:,} more" if left > 0 else "")


def asked(operations: Mapping[str, int]) -> str:
    """What was asked most comes first."""
    ordered = sorted(operations.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(name + (f" ({count:,})" if count > 1 else "") for name, count in ordered)
