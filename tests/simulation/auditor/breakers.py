"""Does each breaker open for as long as it may, and close for a reason?"""

from collections.abc import Iterator
from datetime import timedelta

from events.breakers import BreakerClosed, BreakerEased, BreakerOpened, BreakerProbed
from events.envelope import Recorded
from tests.simulation.auditor.reading import Reading


def check(reading: Reading, each: Recorded) -> Iterator[str]:
    stop = reading.stops.get(each.subject)
    match each.event:
        case BreakerOpened(until=until) if until is not None:
            if stop is not None and (stop.until is None or each.at < stop.until):
                yield "it is open already"
            if until - each.at != _wait(reading, each.subject, stop.opened if stop else 0):
                yield f"it opens for {until - each.at}"
        case BreakerEased(until=until):
            if stop is None or stop.until is None or until > stop.until:
                yield "a wait is eased that there is not, or made longer"
        case BreakerProbed(successes=count) | BreakerClosed(successes=count, by=None):
            if stop is None or stop.until is None or each.at < stop.until:
                yield "a probe got through that nobody let through"
            elif count != stop.successes + 1:
                yield f"{count} probes got through after {stop.successes}"
            elif (count >= _value(reading, "breaker_successes", each.subject)) != isinstance(
                each.event, BreakerClosed
            ):
                yield f"{count} probes are not what closes it"
        case _:
            pass


def _wait(reading: Reading, subject: int, opened: int) -> timedelta:
    """Constant, or doubled each time that it opens in a row, up to its greatest."""
    wait, most = (_value(reading, name, subject) for name in ("breaker_open", "breaker_open_max"))
    if not _value(reading, "breaker_doubling", subject):
        return wait
    return max(wait, min(wait * 2 ** min(opened, 20), most))


def _value(reading: Reading, name: str, subject: int):
    """A breaker is a connection's, or a provider's."""
    if subject in reading.lines:
        return reading.value(name, subject)
    return reading.settings.value(name, subject)
