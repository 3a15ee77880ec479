"""Which snapshots are there, and how do people have one made?"""

import errno

from daemon.control.desk import Desk, Refused
from daemon.control.messages import Nothing
from daemon.control.snapshot_messages import SnapshotList, SnapshotTaken, SnapshotView
from daemon.snapshotter import Label
from events.terms import Caller

FULL = {errno.ENOSPC, errno.EDQUOT}

NOT_MADE = "no snapshot was made ({why}); nothing else suffers: the next start reads on"


async def list_(desk: Desk, _: Nothing, by: Caller) -> SnapshotList:
    labels = await desk.snapshotter.labels()
    return SnapshotList(seq=desk.journal.world.seq, snapshots=[_view(each) for each in labels])


async def take(desk: Desk, _: Nothing, by: Caller) -> SnapshotTaken:
    before = desk.snapshotter.since
    try:
        number = await desk.snapshotter.take()
    except OSError as error:
        words = NOT_MADE.format(why=error.strerror or error)
        if error.errno in FULL:
            raise Refused("disk-full", words) from None
        raise Refused("internal", words) from None
    nothing = "nothing has happened since the last one, which is of"
    what = nothing if number == before else "snapshot taken of"
    message = f"{what} event {number:,}"
    return SnapshotTaken(seq=desk.journal.world.seq, snapshot=number, message=message)


def _view(label: Label) -> SnapshotView:
    return SnapshotView(
        snapshot=label.seq,
        bytes=label.bytes,
        at=label.stamp.at if label.stamp else None,
        usable=label.fault is None,
        fault=label.fault or "",
    )
