"""Is what a start took at its word true: the log before its snapshot, and the snapshot?

A start that begins at a snapshot does not look at the log before it. This does so afterwards, in a
process of its own and at a lower priority, while the daemon already works: every block is
checked, every event folded, and what comes of it compared with the snapshot.
"""

import gc
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import msgspec
import structlog
import trio

from daemon import own_process
from daemon.journal import LogBroken
from daemon.past_worker import SNAPSHOTS, version
from events import verify
from events.codec import decode
from events.reading import LogUnusable, open_for_reading
from events.snapshots import SnapshotDamaged, Snapshots
from projections import image
from projections import world as worlds
from projections.image import Piece
from projections.world import World

DAMAGED, DIFFERS, ALONE = 3, 4, 5  # the exit codes of verdicts; ALONE: the log is as it was written
NICE = 5  # behind whatever answers, and yet done in time on a busy host

log = structlog.get_logger()


async def watch(state: Path, snapshots: Snapshots, upto: int) -> None:
    """Check the log up to that event, once, and the snapshot of it. Raises LogUnusable, LogBroken.

    Then no snapshot is left, so that the next start reads the whole log, and refuses it at once
    where it is that which is damaged.
    """
    if not upto:
        return
    try:
        done = await trio.run_process(
            own_process.command("daemon.prefix_check", str(state), str(upto)),
            capture_stdout=True,
            check=False,
            env=own_process.environment(),
        )
    except OSError as error:  # no room for one more process, or we were upgraded meanwhile
        log.warning("log-unchecked", upto=upto, reason=error.strerror)
        return
    if done.returncode == DAMAGED:
        snapshots.drop(snapshots.numbers())
        raise LogUnusable(
            f"the log {state / 'log'} is damaged: {done.stdout.decode().strip()}; it was found "
            "after the start from a snapshot: run `rounds log verify`, then restore a backup"
        )
    if done.returncode == DIFFERS:
        snapshots.drop(snapshots.numbers())
        raise LogBroken(
            f"the snapshot of event {upto} that this start began with is not what the log says, "
            "so what was decided since may be wrong; all snapshots were deleted: start rounds "
            "again, it reads the whole log"
        )
    if done.returncode == ALONE:
        log.warning("snapshot-unchecked", upto=upto, reason="it is gone, or was damaged since")
    elif done.returncode:
        log.warning("log-unchecked", upto=upto, code=done.returncode)
    else:
        log.info("log-checked", upto=upto)


def main() -> None:
    state, upto = Path(sys.argv[1]), int(sys.argv[2])
    os.nice(NICE)
    gc.disable()
    with (
        closing(open_for_reading(state / "log")) as connection,
        closing(verify.blocks(connection)) as blocks,
    ):
        try:
            world = _folded(blocks, upto)
        except verify.Broken as fault:
            sys.stdout.write(f"{fault}\n")
            raise SystemExit(DAMAGED) from None
    raise SystemExit(_compared(Snapshots(state / SNAPSHOTS, version()), world))


def _compared(snapshots: Snapshots, world: World) -> int:
    """Whether the snapshot says the same, where it is still there to be read."""
    try:
        with closing(snapshots.open(world.seq)) as snapshot:
            same = image.is_of(world, (Piece(*each) for each in snapshot.pieces()))
    except (SnapshotDamaged, FileNotFoundError, msgspec.DecodeError):
        return ALONE
    return 0 if same else DIFFERS


def _folded(blocks: Iterable[verify.Block], upto: int) -> World:
    """What the log says that was true then; ends with whoever asks. Raises verify.Broken."""
    world, parent = World(), os.getppid()
    for last, _, rows in blocks:
        if os.getppid() != parent:
            raise SystemExit(1)
        for row in rows:
            if row[0] <= upto:
                worlds.fold(world, decode(row))
        if last >= upto:
            break
    return world


if __name__ == "__main__":
    main()
