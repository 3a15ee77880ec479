"""How is a read model filled from a whole log at once? In a process of its own.

    roundsd ─ state, upto ─► reads `log`, writes `read.draft` ─ how far, a line each ─► roundsd

It is told nothing but where the log lies: how things stand, and what people call it, is written
by the daemon afterwards, once the draft has taken the file's place. Two processes, where there are
two processors, take every other subject each; of each, one thread decodes and folds, while the
other writes what came of the batch before.
"""

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from queue import Queue
from typing import get_args

from daemon import own_process
from daemon.own_process import ROOT
from daemon.read_model import keeping
from daemon.read_model.details import TAGS
from daemon.read_model.facts import Facts, part_of
from daemon.read_model.file import Position, ReadModel
from daemon.read_model.keeping import EVERYTHING, Kept
from daemon.read_model.opening import ReadModelFull, ReadModelUnusable, remove
from daemon.read_model.rows import Rows
from events import fingerprint
from events.envelope import Recorded
from events.reading import Reader, Share
from events.schema import Event

BATCH_EVENTS = 20_000
PAGE_EVENTS = 5_000
BATCHES_WAITING = 1  # folded, and not written yet: memory for two of them is enough
NO_ROOM = 3  # what its process ends with on a full disk
NICE = 5  # behind whatever answers
NAME, DRAFTS = "read", ("read.draft", "read.draft2")
"""The file in the state directory, and those that become it."""

SOURCES = (
    "daemon/read_model",
    "daemon/decide",
    "daemon/failures.py",
    "daemon/retirement_words.py",
    "projections",
    "events",
)
"""Of which code its rows are; of a call's failure they have the sentence, too."""


def version() -> str:
    """What tells the code whose rows these are from any other."""
    return fingerprint.of_sources(ROOT / each for each in SOURCES)


def fill(
    model: ReadModel, batches: Iterator[list[Recorded]], kept: Kept, tell: Callable[[int], None]
) -> None:
    """Fill an empty one. Raises ReadModelFull, ReadModelUnusable, and what reading raises."""
    facts = Facts({}, kept=kept)
    queue: Queue[tuple[Position, Rows] | None] = Queue(BATCHES_WAITING)
    failed: list[BaseException] = []
    writer = threading.Thread(target=_write, args=(model, facts, queue, failed))
    writer.start()
    try:
        for batch in batches:
            for recorded in batch:
                facts.fold(recorded)
            queue.put((Position(seq=batch[-1].seq), facts.take()))
            tell(batch[-1].seq)
            if failed:
                break
    finally:
        queue.put(None)
        writer.join()
    if failed:
        raise failed[0]


def _write(
    model: ReadModel,
    facts: Facts,
    queue: "Queue[tuple[Position, Rows] | None]",
    failed: list[BaseException],
) -> None:
    """Write what comes, until nothing does; what became of the members, at the end."""
    touched: set[int] = set()
    last = Position()
    while (found := queue.get()) is not None:
        last, rows = found
        touched |= rows.members
        rows.members = set()
        _try(partial(model.write, last, rows, facts.members), failed)
    _try(partial(model.write, last, Rows(members=touched), facts.members), failed)


def _try(call: Callable[[], None], failed: list[BaseException]) -> None:
    """Call it, unless something failed before."""
    if not failed:
        try:
            call()
        except (ReadModelFull, ReadModelUnusable) as error:
            failed.append(error)


def kept(reader: Reader, upto: int) -> tuple[Kept, datetime | None]:
    """What is left of the events up to that one when all is done, and the latest time of them."""
    at = reader.latest(upto)
    if at is None:
        return EVERYTHING, None
    first = reader.first_since(keeping.happened_from(at), upto)
    return Kept(happened=first, hours=keeping.hours_from(at)), at


def batches(reader: Reader, upto: int, share: Share, first: int) -> Iterator[list[Recorded]]:
    """The events up to that one whose subjects are this share's; ends with whoever asked.

    Of those before `first` only sums are wanted.
    """
    after, parent = 0, os.getppid()
    sums, rest = unread(summed=True), unread(summed=False)
    while after < upto:
        if os.getppid() != parent:
            raise SystemExit(1)
        batch: list[Recorded] = []
        while after < upto and len(batch) < BATCH_EVENTS:
            older = after < first - 1
            page, after = reader.share(
                after,
                min(upto, first - 1) if older else upto,
                share,
                also=TAGS,
                without=sums if older else rest,
                limit=PAGE_EVENTS,
            )
            batch += page
        if batch:
            yield batch


def unread(*, summed: bool) -> list[str]:
    """The tags of events that make no difference; where all is but `summed`, of more of them."""
    found = []
    for each in get_args(Event):
        of = part_of(each)
        read = [of.makes, of.adds, of.changes]
        if not any(read) and (summed or not (of.occurs or of.tells)):
            found.append(of.tag)
    return found


def main() -> None:
    """Fill a draft, or end with NO_ROOM."""
    try:
        _fill()
    except ReadModelFull:
        sys.exit(NO_ROOM)


def _fill() -> None:
    """What of it another process fills is taken in at the end."""
    state, upto, wanted = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if version() != wanted:
        sys.exit("rounds was upgraded while it ran: restart roundsd")
    gc.disable()  # what is made here holds no cycles
    sys.setswitchinterval(0.0005)
    if len(sys.argv) > 5:  # the other process's part
        _fill_draft(state, DRAFTS[1], (1, 2), _say_nothing).close()
        return
    os.nice(NICE)
    if len(os.sched_getaffinity(0)) == 1:
        model = _fill_draft(state, DRAFTS[0], (0, 1), _say)
    else:
        model = _fill_together(state)
    with closing(Reader(state / "log")) as reader:
        block, at = reader.block_of(upto), reader.latest(upto)
    model.finish(Position(seq=upto, block=block.hex() if block else "", at=at))


def _fill_together(state: Path) -> ReadModel:
    """Each of two processes folds the events of every other subject; sums add up."""
    command = [*own_process.command("daemon.read_model.filling", *sys.argv[1:]), "other"]
    with subprocess.Popen(command) as other:  # noqa: S603 (it is ourselves)
        try:
            model = _fill_draft(state, DRAFTS[0], (0, 2), _say)
        except BaseException:
            other.kill()
            raise
        if other.wait() == NO_ROOM:
            raise ReadModelFull
        if other.returncode:
            sys.exit(f"the other process ended with {other.returncode}")
    model.take_in(state / DRAFTS[1])
    remove(state / DRAFTS[1])
    return model


def _fill_draft(state: Path, name: str, share: Share, tell: Callable[[int], None]) -> ReadModel:
    upto, retries_kept = int(sys.argv[2]), timedelta(seconds=int(sys.argv[4]))
    remove(state / name)
    model = ReadModel(state / name, sys.argv[3], retries_kept=retries_kept, draft=True)
    with closing(Reader(state / "log")) as reader:
        left, _ = kept(reader, upto)
        fill(model, batches(reader, upto, share, left.happened), left, tell)
    return model


def _say(seq: int) -> None:
    print(seq, flush=True)  # noqa: T201 (it is how the daemon hears of it)


def _say_nothing(_: int) -> None:
    """One of two says how far both are."""


if __name__ == "__main__":
    main()
