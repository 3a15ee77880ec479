"""How far is the read model, and how do people have it made anew?"""

from datetime import timedelta

from daemon.control.desk import Desk
from daemon.control.messages import Done, Nothing
from daemon.control.read_model_messages import ReadModelState
from daemon.read_model.filling import NAME
from events.terms import Caller


def unread(desk: Desk) -> timedelta:
    """For how long it has lacked what the log has; nobody asks that of the past."""
    return timedelta(seconds=desk.reading.scribe.progress.behind_s) if desk.live else timedelta(0)


async def show(desk: Desk, _: Nothing, by: Caller) -> ReadModelState:
    progress = desk.reading.scribe.progress
    return ReadModelState(
        seq=desk.journal.head.seq,
        path=str(desk.places.state / NAME),
        position=progress.seq,
        upto=progress.upto,
        whole=progress.whole,
        anew=progress.anew,
        behind_s=round(progress.behind_s, 3),
        trouble=progress.trouble,
    )


async def rebuild(desk: Desk, _: Nothing, by: Caller) -> Done:
    """Nothing is lost by it: all that is in it is in the log."""
    desk.reading.scribe.begin_anew()
    message = "the read model is being made anew from the log"
    return Done(seq=desk.journal.head.seq, events=[], message=message)
