"""What is said of many syncs that are summed up together, in one plain line?"""

from collections.abc import Mapping
from typing import TypeAlias, assert_never

from daemon.cli import times
from events.schema import PassBegun, PassEnded, PassFilled

ERRORS_MAX = 20  # shown; a screen has little more

Pass: TypeAlias = PassBegun | PassFilled | PassEnded


def told(event: Pass, by: str) -> str:
    match event:
        case PassBegun():
            return f"a sync of many requested{by}"
        case PassFilled(wanted=wanted):
            return f"{times.count(wanted, 'sync')} requested at once"
        case PassEnded():
            return summary(event)
        case _:
            assert_never(event)


def summary(event: PassEnded) -> str:
    """`12 syncs in 3 min: 11 succeeded, 1 failed; 77 days, 1,204 records, 3 tokens refreshed`."""
    ends = [
        f"{number:,} {word}"
        for number, word in (
            (event.successful, "succeeded"),
            (event.failed, "failed"),
            (event.others, "cancelled or skipped"),
        )
        if number
    ]
    brought = [times.count(event.records, "record")]
    brought += [times.count(event.days, "day")] if event.days else []
    refreshed = f"{times.count(event.refreshes, 'token')} refreshed"
    brought += [refreshed] if event.refreshes else []
    took = times.milliseconds(event.duration_ms)
    many = times.count(event.total, "sync")
    return f"{many} in {took}: {', '.join(ends) or 'nothing to do'}; {', '.join(brought)}"


def errors(event: PassEnded, names: Mapping[int, str]) -> list[str]:
    """`  acme/gone: the provider switched this off for good; …`, and how many more there are."""
    from daemon.decide.failure import RULES

    shown = event.errors[:ERRORS_MAX]
    lines = [f"  {names.get(each.connection, '?')}: {RULES[each.cause].sentence}" for each in shown]
    more = event.failed - len(shown)
    return [*lines, f"  and {more:,} more; `rounds health` names them"] if more else lines
