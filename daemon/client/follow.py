"""What can be followed, item by item?"""

from daemon.client.asker import Asker
from daemon.client.following import Following
from daemon.control.messages import (
    ConnectionName,
    Events,
    EventView,
    LogQuery,
    TailQuery,
    WatchTick,
)
from daemon.control.replay_messages import ReplayQuery, ReplayStep


class Follow(Asker):
    """What goes on. Each method gives a `Following`, which begins where its first item is taken."""

    def tail(
        self, *, after: int | None = None, connection: str | None = None
    ) -> Following[EventView]:
        """Follow the log, event by event.

        It begins after that number, or from now on. A daemon that went away is waited for, and its
        stream goes on after the last event that came: there is no gap, and nothing comes twice.

        ```python
        async with rounds.tail(after=0, connection="acme/weather") as events:
            async for each in events:
                print(each.seq, each.at, each.name, type(each.event).__name__)
                if isinstance(each.event, SyncSucceeded):
                    break
        ```
        """
        begin = after

        async def question(last: int) -> TailQuery:
            nonlocal begin
            if begin is None:  # after what is on disk now, so that it is known where to go on
                begin = (await self._get("log", LogQuery(limit=1), Events)).seq
            return TailQuery(after=max(begin, last), connection=connection)

        return Following(self, "tail", EventView, question)

    def watch(self, connection: str) -> Following[WatchTick]:
        """Follow one connection: its events, and between them how far its sync has come.

        It ends with `Unheard` where the daemon goes away: how far a sync had come is not kept.

        ```python
        async with rounds.watch("acme/weather") as ticks:
            await rounds.sync("acme/weather")
            async for tick in ticks:
                if tick.running:
                    print(tick.running.stream, tick.running.pages, tick.running.records)
                if tick.event and isinstance(tick.event.event, SyncSucceeded):
                    break
        ```
        """

        async def question(_: int) -> ConnectionName:
            return ConnectionName(connection=connection)

        return Following(self, "watch", WatchTick, question, goes_on=False)

    def replay(
        self, begin: str, *, end: str | None = None, connection: str | None = None
    ) -> Following[ReplayStep]:
        """Replay what happened between two moments, with what each event changed.

        A moment is an event's number, or a time (ISO 8601). The last step has no event: its `seq`
        says which one was the last that was asked for.

        ```python
        async for step in rounds.replay("1", connection="acme/weather"):
            print(step.seq, [(each.fact, each.before, each.after) for each in step.changed])
        ```
        """

        async def question(last: int) -> ReplayQuery:
            first = str(last) if last else begin
            return ReplayQuery(begin=first, end=end, connection=connection)

        return Following(self, "replay", ReplayStep, question, ends=_is_last)


def _is_last(step: ReplayStep) -> bool:
    return step.event is None
