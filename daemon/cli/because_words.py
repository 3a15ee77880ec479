"""How is a reason said: what an event says, its number, and the settings that had a say?"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import Struct

from daemon.cli import held_words, times, words
from daemon.cli.causes import CAUSES
from daemon.control.explain_messages import Because
from daemon.control.messages import EventView
from daemon.control.policy_messages import PolicySetting, Value
from events.schema import BreakerOpened, RetryScheduled
from events.terms import FailureClass

TOPICS = {
    "asked": "asked for",
    "asked-to-wait": "asked to wait",
    "breaker-closed": "breaker",
    "breaker-eased": "eased",
    "breaker-probed": "probed",
    "breaker-reset": "breaker",
    "captured": "data",
    "crashed": "rounds failed",
    "decided": "",
    "failed-for-good": "failed for good",
    "failover": "stands in",
    "grant": "token",
    "keeps-failing": "keeps failing",
    "owes-days": "owes days",
    "providers-breaker": "provider's breaker",
    "quiet-hours": "quiet hours",
    "refusal": "refused",
    "retries-ended": "retries",
    "retry-moved": "retry moved",
    "rolled-back": "rolled back",
    "rollback-abandoned": "rollback",
    "to-be-authorised": "to be authorised",
    **{name: word for name, word in held_words.HELD.items() if name.endswith("-full")},
    "batch-pause": "pause",
}
"""Those that do not read well as they are."""


class Line(Struct, frozen=True, kw_only=True):
    """What it is about, what is said, when that was, and the event that says so; and its colour."""

    topic: str = ""
    text: str = ""
    at: str = ""
    event: str = ""
    style: str = ""


def told(found: Iterable[Because], now: datetime, name: str = "") -> Iterator[Line]:
    """With the `name` of the connection, also what to type where that helps."""
    for each in found:
        topic = TOPICS.get(each.topic, each.topic)
        if each.event:
            yield line(topic, each.event, now)
        else:
            until = f" until {times.clock(each.until, now)}" if each.until else ""
            why = held_words.WHY.get(each.topic, topic)
            yield Line(topic=f"  {topic}", text=f"{why}{until}", style="yellow")
        yield from _settings(each)
        if name and (helps := _helps(each, name)):
            yield Line(text=f"  type: {helps}", style="cyan")


def _helps(of: Because, name: str) -> str:
    """What somebody has to do before anything starts."""
    match of.topic:
        case "paused":
            return f"rounds resume {name}"
        case "to-be-authorised":
            return f"rounds connection authorize {name}"
        case "breaker" if of.until is None:
            return f"rounds breaker close {name}"
        case "providers-breaker" if of.until is None and of.event:
            return f"rounds breaker close --provider {of.event.name}"
        case _:
            return ""


def title(topic: str, text: str, style: str = "") -> Line:
    return Line(topic=topic, text=text, style=f"bold {style}".strip())


def line(topic: str, view: EventView, now: datetime) -> Line:
    return Line(
        topic=f"  {topic}",
        text=words.sentence(view) + _measured(view),
        at=times.clock(view.at, now),
        event=str(view.seq),
        style=words.tone(view.event) or "",
    )


def _measured(view: EventView) -> str:
    """The numbers that were recorded beside what the event says."""
    event = view.event
    match event:
        case RetryScheduled(delay=delay, jitter=jitter, hint=hint):
            parts = [f"delay {times.exact(delay)}"]
            parts += [f"of which {100 * jitter:.0f} % was drawn"] if jitter is not None else []
            parts += [f"asked to wait {times.exact(hint)}"] if hint else []
        case BreakerOpened(cause=FailureClass() as cause):
            parts = [CAUSES[cause]]
        case _:
            parts = []
    return f" [{', '.join(parts)}]" if parts else ""


def _settings(of: Because) -> Iterator[Line]:
    """Those that had a say; one line for those that come from the same place."""
    by_source: dict[tuple[str, str], list[str]] = {}
    for each in of.settings:
        changed = max(each.event or 0, each.ended or 0)
        since = bool(of.event and changed > of.event.seq)
        key = (_source(each, since=since), str((changed if since else each.event) or ""))
        by_source.setdefault(key, []).append(f"{each.name} {_value(each.value)}")
    for (source, event), said in by_source.items():
        yield Line(text=f"  {', '.join(said)}: {source}", event=event, style="dim")


def _source(of: PolicySetting, *, since: bool) -> str:
    later = ", since then" if since else ""
    match of.source:
        case "default":
            return f"by default{later}"
        case "configuration":
            return f"in the configuration{later}"
        case "provider-file":
            return f"in the provider's file{later}"
        case whose if of.declared:
            return f"of the {whose}, in the configuration{later}"
        case whose:
            return f"of the {whose}, set{words.by(of.by)}{later}"


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return ",".join(value) or "-"
        case _:
            return str(value)
