"""Which settings does a log say are in force, for whom, and is it quiet hours by them?"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from events.envelope import Recorded
from events.policy import PolicySet, Settings, SettingsDeclared, SettingsReset, SettingsSet
from events.schema import FLEET


class InForce:
    """The configuration's, and over it what each subject was given: by command, or declared."""

    def __init__(self) -> None:
        self._host: PolicySet | None = None
        self._set: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        self._declared: dict[int, dict[str, Any]] = {}

    def read(self, each: Recorded) -> None:
        match each.event:
            case PolicySet():
                self._host = each.event
            case SettingsDeclared(settings=settings):
                self._declared[each.subject] = _given(settings)
            case SettingsSet(settings=settings):
                self._set[each.subject] |= _given(settings)
            case SettingsReset(names=names):
                for name in names:
                    self._set[each.subject].pop(name, None)
            case _:
                pass

    def value(self, name: str, *places: int) -> Any:
        """What holds for the first of these that has a say, or else for the fleet."""
        for place in (*places, FLEET):
            if (found := self.own(name, place)) is not None:
                return found
        return getattr(self._host, name, None)

    def own(self, name: str, place: int) -> Any:
        set_ = self._set[place].get(name)
        return self._declared.get(place, {}).get(name) if set_ is None else set_

    def stream_interval(self, stream: str, *places: int) -> timedelta | None:
        for place in (*places, FLEET):
            if found := (self.own("stream_intervals", place) or {}).get(stream):
                return timedelta(seconds=found.total_seconds())
        return None

    def is_quiet(self, at: datetime, *places: int) -> bool:
        """Whether the wall clocks of whoever lives there show a time within the quiet hours."""
        start, end, zone = (
            self.value(name, *places)
            for name in ("quiet_hours_start", "quiet_hours_end", "timezone")
        )
        wall = at.astimezone(ZoneInfo(zone)).time()
        over_midnight = end < start
        return (wall >= start or wall < end) if over_midnight else start <= wall < end


def _given(settings: Settings) -> dict[str, Any]:
    return {
        name: value
        for name in Settings.__struct_fields__
        if (value := getattr(settings, name)) is not None
    }
