"""How does a start come to know the World: from which snapshot, and how far has it come?

the last good snapshot ─► decode ─► verify and fold what the log has after it ─► World
      none, or of another version ─► verify and fold the whole log
"""

import gc
from contextlib import suppress

import structlog

from daemon import recall
from daemon.notify import notify
from events.log import Log
from events.snapshots import Snapshots
from projections import world as worlds
from projections.world import World

TELL_EVENTS = 50_000  # a slow host's second
PATIENCE_S = 120  # which such a part never takes: systemd waits that much longer after each

log = structlog.get_logger()


def begin(log_: Log, snapshots: Snapshots) -> tuple[World, int]:
    """What is true, and the event of the snapshot that this is known from, or 0.

    Raises LogUnusable, UnreadableEvent.
    """
    gc.disable()
    try:
        with suppress(OSError):  # what cannot be cleared away is in nobody's way
            snapshots.sweep()
        world = _from(snapshots, log_)
    finally:
        gc.enable()
    since = world.seq
    replay(log_, world)
    log.info("replayed", snapshot=since, seq=world.seq)
    return world, since


def replay(log_: Log, world: World | None = None) -> World:
    """Fold what the log has after that World, or all of it. Raises LogUnusable, UnreadableEvent.

    What this makes either stays or dies at once, so the collector would only look in vain.
    """
    world = world or World()
    gc.disable()
    try:
        for recorded in log_.replay(world.seq):
            worlds.fold(world, recorded)
            if not recorded.seq % TELL_EVENTS:
                _tell(recorded.seq)
    finally:
        gc.enable()
        gc.freeze()
    return world


def _from(snapshots: Snapshots, log_: Log) -> World:
    reasons: list[str] = []

    def ignored(seq: int, why: str) -> None:
        reasons.append(why)
        log.warning("snapshot-ignored", seq=seq, reason=why)

    world = recall.all_at_once(recall.nearest(snapshots, log_.block_of, ignored=ignored))
    if reasons:
        instead = f"the one of event {world.seq:,}" if world.seq else "the whole log"
        _extend(f"the last snapshot is of no use ({reasons[0]}): {instead} is read instead")
    return world


def _tell(seq: int) -> None:
    _extend(f"reading the log, event {seq:,}")


def _extend(status: str) -> None:
    notify(f"STATUS={status}\nEXTEND_TIMEOUT_USEC={PATIENCE_S * 1_000_000}")
