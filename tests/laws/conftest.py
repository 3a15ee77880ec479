"""How does the peer of our limits read a clock that we set?"""

import threading
from types import SimpleNamespace

import pytest
from limits.storage import memory

from tests.policy.transcript import NOON


class NoTimer:
    """The peer tidies up in a thread; what has expired it leaves out of its answers anyway."""

    def __init__(self, *_):
        pass

    def start(self):
        pass

    def is_alive(self):
        return True


@pytest.fixture
def at(monkeypatch):
    """The peer's clock: what it says is in `now`."""
    clock = SimpleNamespace(now=NOON)

    def time():
        return clock.now.timestamp()

    monkeypatch.setattr(memory, "time", SimpleNamespace(time=time))
    quiet = SimpleNamespace(Timer=NoTimer, RLock=threading.RLock)
    monkeypatch.setattr(memory, "threading", quiet)
    return clock
