"""What holds ONE back, and when may it start, after KNOWN and some more?"""

from daemon.decide import hindrance
from tests.policy.transcript import KNOWN, NOON, ONE, given


def held(*past, now=NOON):
    return hindrance.of(given(*KNOWN, *past).world, ONE, now)


def start(*past, now=NOON):
    return hindrance.start(given(*KNOWN, *past).world, ONE, now)
