"""Is what lies before the snapshot that a start began at still what was written?

A start that begins at a snapshot takes the log before it at its word. This looks at it afterwards,
in a process of its own, while the daemon already works: what was changed there is found a little
later than without a snapshot, not never.
"""

import sys
from contextlib import closing
from pathlib import Path

import structlog
import trio

from daemon import own_process
from events import verify
from events.reading import LogUnusable, open_for_reading
from events.snapshots import Snapshots

FOUND = 3  # the exit code for damage; any other is no verdict

log = structlog.get_logger()


async def watch(state: Path, snapshots: Snapshots, upto: int) -> None:
    """Check the log up to that event, once. Raises LogUnusable.

    Then no snapshot is left, so that the next start reads the whole log and refuses it at once.
    """
    if not upto:
        return
    done = await trio.run_process(
        own_process.command("daemon.prefix_check", str(state), str(upto)),
        capture_stdout=True,
        check=False,
        env=own_process.environment(),
    )
    if done.returncode == FOUND:
        snapshots.drop(snapshots.numbers())
        raise LogUnusable(
            f"the log {state / 'log'} is damaged: {done.stdout.decode().strip()}; it was found "
            "after the start from a snapshot: run `rounds log verify`, then restore a backup"
        )
    if done.returncode:
        log.warning("log-unchecked", upto=upto, code=done.returncode)
    else:
        log.info("log-checked", upto=upto)


def main() -> None:
    state, upto = Path(sys.argv[1]), int(sys.argv[2])
    with (
        closing(open_for_reading(state / "log")) as connection,
        closing(verify.blocks(connection)) as blocks,
    ):
        try:
            for last, _, _ in blocks:
                if last >= upto:
                    break
        except verify.Broken as fault:
            sys.stdout.write(f"{fault}\n")
            raise SystemExit(FOUND) from None


if __name__ == "__main__":
    main()
