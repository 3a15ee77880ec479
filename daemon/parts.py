"""What is a daemon made of, real or simulated?"""

import random
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from daemon.cache.cache import Cache
from daemon.clock import Clock
from daemon.configuration import Configuration
from daemon.journal import Journal
from daemon.past import Engine
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.store.core import Store
from daemon.store.storage import Run
from daemon.vault import Vault
from events.log import Log
from events.snapshots import Snapshots
from events.writer import Listener


class Parts(Struct, frozen=True, kw_only=True):
    """All of them.

    Without `snapshots` of its own it keeps some in memory, and without `past`, an engine, it works
    out what was true in the loop. Without a file `read` its read model is in memory; the scribe
    writes it where `run_scribe` runs, and others ask where `run_reading` does; what they
    make of an answer, if that takes long, runs where `run_beside` does.
    """

    log: Log
    store: Store
    run: Run
    vault: Vault
    clock: Clock
    configuration: Configuration
    connect: Callable[[ProviderFile], Provider]
    bridge: Callable[[Journal], Listener]
    state: Path | None
    version: str
    cache: Cache
    chance: Callable[[], float] = random.SystemRandom().random
    snapshots: Snapshots = field(default_factory=lambda: Snapshots(None, ""))
    run_snapshots: Run | None = None
    past: Engine | None = None
    read: Path | None = None
    run_scribe: Run | None = None
    run_reading: Run | None = None
    run_beside: Run | None = None
