"""In which words is a program told that its provider gave it no answer, or no new one?"""

import math
from datetime import datetime

from daemon import retirement_words
from daemon.decide import limits, retirement
from daemon.exchange import CallLost, OverLimit
from daemon.gateway.call import HeldBack
from projections.world import World

SLOW = "the provider did not answer soon enough"
OPEN = "its breaker is open"
ALONE = "the provider asked to be left alone"
NO_ROOM = "the limits leave no room now"
FOR_SYNCS = {
    "; its next sync tries again": "",
    "check path, params and body in its file": "what it answered may say why",
    "check method, base_url and path in its file": "check the method and the path",
    "check base_url and path in its file": "check the path, and base_url in its file",
    "give the address at which it ends as base_url and path in its file": (
        "ask for the address at which it ends"
    ),
}
"""What is said of requests that a provider's file makes, and what of those that a program does."""


def excuse(why: HeldBack | CallLost, subject: int, world: World, now: datetime) -> str:
    """What is said of a call that was held back, or lost."""
    if isinstance(why, HeldBack):
        if not why.held.retired:
            return OPEN
        return retirement_words.over(retirement.successor(subject, world))
    if why.was_kept:
        return waits(subject, world, now)
    return why.message


def waits(subject: int, world: World, now: datetime) -> str:
    """What keeps a call of this connection that the limits keep."""
    return ALONE if limits.held_until(world, subject, now) else NO_ROOM


def to_program(lost: CallLost, subject: int, world: World, now: datetime) -> str:
    """What is wrong with a call that a program made, and no sync."""
    if lost.was_kept and not isinstance(lost, OverLimit) and limits.held_until(world, subject, now):
        rest_s = math.ceil(lost.retry_after.total_seconds()) if lost.retry_after else 1
        return f"nothing was sent: {ALONE}; come back in {rest_s} s"
    said = lost.message
    for of_sync, of_program in FOR_SYNCS.items():
        said = said.replace(of_sync, of_program)
    return said
