"""What are people told of a provider that was, or will be, switched off?"""

from datetime import date, datetime

RELINK = "rounds connection relink"


def off(retired: date | bool, today: date) -> str:
    """What its file says, of a provider that was, or is."""
    if isinstance(retired, bool):
        return "switched off for good"
    return f"{'' if retired <= today else 'to be '}switched off on {retired}"


def is_off(retired: date | bool, today: date) -> bool:
    """Whether its file says that it is switched off by now."""
    return retired if isinstance(retired, bool) else retired <= today


def gone(successor: str | None) -> str:
    """What a connection's failure says. It stands in the log, which knows no names of people."""
    if successor is None:
        return (
            "the provider switched this off for good (410); if it has a successor, type "
            f"`{RELINK}` with the connection's name and --to; if it is back, type "
            "`rounds breaker close` with the connection's name"
        )
    return (
        f"the provider switched this off for good (410); its successor is {successor}: type "
        f"`{RELINK}` with the connection's name; if it is back, type `rounds breaker close` with it"
    )


def gone_here(connection: str, off: str | None, successor: str | None) -> str:
    """What a program's call is told: one path may be gone where its provider is not.

    `off` is what the provider's file says of its end, if it says that it has come. Else nobody is
    told to move a connection that goes on.
    """
    said = "what is at this path is gone for good (410)"
    if off is not None:
        return f"{said}; the provider was {off}: type `{way_on(connection, successor)}`"
    if successor is None:
        return said
    return f"{said}; the connection goes on, and is to move to {successor} once its syncs end so"


def over(successor: str | None) -> str:
    """Why a program is given what was kept, of a connection that found its provider's end."""
    to = f" to {successor}" if successor else ""
    return f"its provider was switched off for good; `{RELINK}` moves it on{to}"


def shut(connection: str, successor: str | None) -> str:
    """What a program is told that calls as such a connection."""
    follows = f"; its successor is {successor}" if successor else ""
    return (
        f"{connection} found its provider switched off for good{follows}: type "
        f"`{way_on(connection, successor)}`; if it is back, type "
        f"`rounds breaker close {connection}`"
    )


def way_on(connection: str, successor: str | None) -> str:
    """What to type, for a connection whose provider is gone."""
    return f"{RELINK} {connection}" + ("" if successor else " --to PROVIDER")


def announced(*, deprecated: bool, since: datetime | None, sunset: datetime | None) -> str:
    """What it said itself: a clause about the provider."""
    said = [f"announced to be switched off on {sunset.date()}"] if sunset else []
    if deprecated:
        from_ = f" from {since.date()} on" if since else ""
        said.append(f"says that it is deprecated{from_}")
    return " and ".join(said)
