"""How does the daemon have a read model filled at once, by a process of its own?"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from subprocess import PIPE

import structlog
import trio

from daemon import own_process
from daemon.read_model.filling import DRAFTS, NO_ROOM
from daemon.read_model.opening import ReadModelFull
from daemon.read_model.timestamps import SECOND

log = structlog.get_logger()


async def filled(
    state: Path, upto: int, code: str, retries_kept: timedelta, tell: Callable[[int], None]
) -> Path | None:
    """A draft that has all events up to that one, or None where none could be made.

    `tell` hears up to which event it goes meanwhile. Raises ReadModelFull.
    """
    log.info("read-model-filling", upto=upto)
    kept_s = retries_kept // SECOND
    run = partial(
        trio.run_process,
        own_process.command("daemon.read_model.filling", *map(str, [state, upto, code, kept_s])),
        stdin=b"",
        stdout=PIPE,
        check=False,
        env=own_process.environment(),
    )
    reason, ended = "", 0
    try:
        async with trio.open_nursery() as nursery:
            process: trio.Process = await nursery.start(run)
            await _hear(process, tell)
            ended = await process.wait()
        if ended:
            reason = f"its process ended with {ended}"
    except* OSError as many:  # no room for one more process, or we were upgraded meanwhile
        reason = str(many.exceptions[0])
    if ended == NO_ROOM:
        raise ReadModelFull
    if reason:
        log.warning("read-model-not-filled", reason=reason)
        return None
    log.info("read-model-filled", upto=upto)
    return state / DRAFTS[0]


async def _hear(process: trio.Process, tell: Callable[[int], None]) -> None:
    """Note how far it is: a line each, of which the last one counts."""
    assert process.stdout is not None, "it was opened with a pipe"
    rest = b""
    async for chunk in process.stdout:
        *lines, rest = (rest + chunk).split(b"\n")
        if lines and lines[-1].isdigit():
            tell(int(lines[-1]))
