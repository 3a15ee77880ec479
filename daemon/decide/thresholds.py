"""From when on is something an issue, and who says so?

What nobody set is learnt: from the interval in force, or from what is usual there.
"""

from datetime import timedelta
from typing import Any

from daemon.decide.sighting import View
from events.issues import Threshold
from events.policy import DRIFT_PERCENT_OF, STALE_OF
from projections import policy, source

STALE_TURNS = 3  # turns in a row that brought nothing: one may be chance, and its retries too
STALE_LEAST = timedelta(hours=1)  # who syncs each minute is not told of three
GAP_TURNS = 2  # turns that had the chance to fetch what is missing
GAP_LEAST = timedelta(hours=1)
FLAP_TURNS = 24  # turns over which it is counted how often a connection went up and down
FLAP_LEAST = timedelta(hours=6)

LEARNT_FROM = {
    "stale_after": (STALE_LEAST, STALE_TURNS),
    "gap_after": (GAP_LEAST, GAP_TURNS),
}
"""The least, and how many intervals."""

LEARNT = "learnt"
FIXED = "fixed"
ASKED = "asked"


def learnt(name: str, interval: timedelta) -> timedelta:
    """What holds of those settings that nobody need set, where nobody did."""
    least, turns = LEARNT_FROM[name]
    return max(least, turns * interval)


def stale(view: View, stream: str = "") -> timedelta:
    """For how long no success may come of a connection, or of one of its streams."""
    if view.asked is not None:
        return view.asked
    own = _of_stream(view, stream)
    if own is not None:
        return own
    if view.rules.stale_after is not None:
        return view.rules.stale_after
    return learnt("stale_after", _interval(view, stream))


def gap(view: View, stream: str) -> timedelta:
    """For how long a day may be missing that lies before others which came."""
    if view.rules.gap_after is not None:
        return view.rules.gap_after
    return learnt("gap_after", _interval(view, stream))


def flaps_within(view: View) -> timedelta:
    """How far back turns from up to down are counted."""
    return max(FLAP_LEAST, FLAP_TURNS * policy.longest(view.rules))


def of_stale(view: View, stream: str = "") -> Threshold:
    span = stale(view, stream)
    if view.asked is not None:
        return Threshold(name="threshold_hours", whose=ASKED, span=span)
    if stream and _of_stream(view, stream) is not None:
        return _said(view, f"{STALE_OF}{stream}", span=span)
    return _said(view, "stale_after", span=span)


def of_gap(view: View, stream: str) -> Threshold:
    return _said(view, "gap_after", span=gap(view, stream))


def of_drift(view: View, stream: str) -> Threshold:
    """In percent of what is expected; how many spreads that is, is said by `rounds drift`."""
    own, number = f"{DRIFT_PERCENT_OF}{stream}", policy.drift_rule(view.world, view.subject, stream)
    named = source.of(view.world, "connection", view.subject, own) is not None
    return _said(view, own if named else "drift_percent", number=number.percent)


def of_number(view: View, name: str, *, span: timedelta | None = None) -> Threshold:
    """A setting that is a number; `span` is over which time it was counted, or what it comes to."""
    return _said(view, name, span=span, number=float(getattr(view.rules, name)))


def of_span(view: View, name: str) -> Threshold:
    return _said(view, name, span=getattr(view.rules, name))


def fixed(name: str, *, span: timedelta | None = None, number: float | None = None) -> Threshold:
    """What is nobody's to set."""
    return Threshold(name=name, whose=FIXED, span=span, number=number)


def _said(view: View, name: str, **value: Any) -> Threshold:
    """Whose setting it is; learnt where nobody's."""
    found = source.of(view.world, "connection", view.subject, name)
    if found is None:
        return Threshold(name=name, whose=LEARNT, **value)
    return Threshold(name=name, whose=found.whose, event=found.event, **value)


def _of_stream(view: View, stream: str) -> timedelta | None:
    if not stream:
        return None
    found = source.of(view.world, "connection", view.subject, f"{STALE_OF}{stream}")
    return found.value if found else None


def _interval(view: View, stream: str) -> timedelta:
    """The interval in force; the streams' own may be another than their connection's."""
    own = policy.stream_interval(view.world, view.subject, stream) if stream else None
    return own if own is not None else policy.longest(view.rules)
