"""Why does a connection not go back, and what can be done about it, in words?

Each sentence goes on from the connection's name: `acme/weather syncs just now: …`.
"""

from daemon.decide.restoring import Obstacle
from daemon.store.core import StoreFull
from daemon.store.restoring import NotTheSame
from daemon.store.versions import NotKept
from projections.streams import Stream, oldest_kept

CODES = frozenset({"not-found", "invalid", "running", "busy", "disk-full", "internal", "pruned"})
"""Those of the API with which it is refused."""


class NotBack(Exception):
    """It does not go back, and all is as it was. The code is one of CODES."""

    def __init__(self, code: str, why: str) -> None:
        assert code in CODES, "it is one of the API's"
        super().__init__(why)
        self.code = code
        self.why = why


def obstacle(why: Obstacle) -> NotBack:
    return NotBack(*_OBSTACLES[why])


def pruned(name: str, version: int, stream: Stream) -> str:
    """That a version of this stream can neither be shown nor gone back to any more."""
    return (
        f"version {version} of {name} is not kept any more (event {stream.pruned_in}: older than "
        f"settings keep); the oldest that is kept is {oldest_kept(stream)}"
    )


def not_kept(name: str, version: int, stream: Stream) -> NotBack:
    return NotBack("pruned", f"does not go back: {pruned(name, version, stream)}")


def not_there(to: int) -> NotBack:
    return NotBack("not-found", f"was not there yet at event {to}")


def not_known(why: str) -> NotBack:
    return NotBack("invalid", f"does not go back: {why}")


def elsewhere(to: int, before: str) -> NotBack:
    return NotBack(
        "invalid",
        f"was still linked to {before} at event {to}: it goes back no further than to where it "
        f"was moved; `rounds data show … --provider {before}` shows what it had there",
    )


def no_stream(name: str, there: list[str]) -> NotBack:
    return NotBack("not-found", f"has no stream {name} (it has: {', '.join(there) or 'none yet'})")


def failed(error: BaseException) -> NotBack | None:
    """What an error while it went back comes to; None where nobody knows what it means."""
    match error:
        case NotBack():
            return error
        case StoreFull():
            return full()
        case NotKept(version=version):
            return NotBack(
                "internal",
                f"did not go back, and all is as it was: the data store does not hold version "
                f"{version}, though the log does not say that it was pruned; it is an older copy, "
                "or damaged: restore a backup of the whole state",
            )
        case NotTheSame():
            return NotBack(
                "internal",
                f"did not go back, and all is as it was: {error}; the data store is damaged there: "
                "check the disk, and restore a backup of the whole state",
            )
        case _:
            return None


def stopped() -> NotBack:
    return NotBack("internal", "did not go back, and all is as it was: rounds is stopping")


def crashed() -> NotBack:
    return NotBack(
        "internal",
        "did not go back, and all is as it was: rounds itself failed; its log says where; please "
        "report it",
    )


def full() -> NotBack:
    return NotBack(
        "disk-full",
        "did not go back, and all is as it was: the disk is full; free some space, then type it "
        "again",
    )


_OBSTACLES = {
    Obstacle.GONE: ("not-found", "did not go back: it was removed meanwhile"),
    Obstacle.SYNCING: (
        "running",
        "syncs just now: type it again once that is over, or with --wait",
    ),
    Obstacle.RESTORING: (
        "busy",
        "goes back already, or a held version is taken over: type it again once that is over",
    ),
}
