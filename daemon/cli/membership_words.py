"""How is it told that a connection came, went, was changed, paused or resumed?"""

from datetime import timedelta
from typing import TypeAlias, assert_never

from daemon.cli import times
from events.accounts import CredentialSet
from events.membership import (
    ConnectionAdded,
    ConnectionChanged,
    ConnectionPaused,
    ConnectionRemoved,
    ConnectionResumed,
)

MembershipEvent: TypeAlias = (
    ConnectionAdded
    | ConnectionChanged
    | ConnectionRemoved
    | CredentialSet
    | ConnectionPaused
    | ConnectionResumed
)


def told(event: MembershipEvent, who: str) -> str:
    """The event as a sentence; `who` is empty, or " by" and a name."""
    match event:
        case ConnectionAdded(interval=interval, declared=declared):
            how = " by the configuration" if declared else who
            return f"connection added{how}" + _every(interval)
        case ConnectionChanged(interval=interval, declared=declared):
            how = " by the configuration" if declared else who
            every = _every(interval) or "; syncs at the usual interval"
            return f"connection changed{how}{every}"
        case ConnectionRemoved():
            return f"connection removed{who}; its data is kept"
        case CredentialSet(purpose=purpose):
            return f"{purpose.replace('-', ' ')} set{who}"
        case ConnectionPaused():
            return f"paused{who}"
        case ConnectionResumed():
            return f"resumed{who}"
        case _:
            assert_never(event)


def _every(interval: timedelta | None) -> str:
    return f"; syncs every {times.exact(interval)}" if interval else ""
