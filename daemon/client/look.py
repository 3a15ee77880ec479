"""How is the fleet looked at, and what happened in it?

Written by `python -m tests.client.writing` from the operations: change those.
"""

from daemon.client.asker import Asker, Moment
from daemon.control import asking
from daemon.control.explain_messages import ExplainQuery, Explanation
from daemon.control.messages import (
    ConnectionAnswer,
    ConnectionName,
    Connections,
    ConnectionsQuery,
    Done,
    Events,
    LogQuery,
    LogStats,
    Nothing,
    Queue,
    Status,
)
from daemon.control.provider_messages import Providers
from daemon.control.read_model_messages import ReadModelState
from daemon.control.replay_messages import Difference, DiffQuery
from daemon.control.rotation_messages import Schedule, Whose
from daemon.control.snapshot_messages import SnapshotList, SnapshotTaken


class LookOperations(Asker):
    async def status(self, *, at: Moment | None = None) -> Status:
        """Look at the daemon at a glance: how many connections do what, and what troubles it.

        ```python
        status = await rounds.status()
        print(status.running, "run;", *status.trouble)
        then = await rounds.status(at=1)  # after the first event; or at=datetime(..., tzinfo=UTC)
        ```
        """
        return await self._get("status", Nothing(), Status, at=at)

    async def queue(
        self, *, tenant: str | None = None, provider: str | None = None, at: Moment | None = None
    ) -> Queue:
        """Look at what runs, what is due, and what comes next.

        One tenant's, of them one provider's; without a tenant everybody's.

        ```python
        for item in (await rounds.queue()).items:
            print(item.connection, item.status, item.next_start)
        ```
        """
        return await self._get("queue", Whose(tenant=tenant, provider=provider), Queue, at=at)

    async def connections(
        self, *, first: int | None = None, at: Moment | None = None
    ) -> Connections:
        """Look at every connection.

        All connections; where there are more than `first`, so many of them, the most urgent ones.

        ```python
        answer = await rounds.connections()
        print([each.connection for each in answer.connections if each.condition != "healthy"])
        ```
        """
        return await self._get("connections", ConnectionsQuery(first=first), Connections, at=at)

    async def connection(self, connection: str, *, at: Moment | None = None) -> ConnectionAnswer:
        """Look at one connection, with its streams.

        Names one connection: tenant/provider or tenant/provider/account.

        ```python
        answer = await rounds.connection("acme/weather")
        print(answer.connection.score, answer.connection.next_start)
        ```
        """
        return await self._get(
            "connection", ConnectionName(connection=connection), ConnectionAnswer, at=at
        )

    async def providers(self, *, at: Moment | None = None) -> Providers:
        """Look at every provider: what its file declares, and how many connections it has.

        ```python
        print([each.provider for each in (await rounds.providers()).providers])
        ```
        """
        return await self._get("providers", Nothing(), Providers, at=at)

    async def explain(
        self, connection: str, *, sync: int | None = None, at: Moment | None = None
    ) -> Explanation:
        """Explain why a connection is as it is, or why one of its syncs went as it did.

        Explain a connection; with a `sync`, the number of the event that started it, that one.

        ```python
        why = await rounds.explain("acme/weather")
        print(why.condition, why.score.score if why.score else None)
        ```
        """
        return await self._get(
            "explain", ExplainQuery(connection=connection, sync=sync), Explanation, at=at
        )

    async def schedule(
        self, *, tenant: str | None = None, provider: str | None = None, at: Moment | None = None
    ) -> Schedule:
        """Look at when each connection starts next, and what holds it back.

        One tenant's, of them one provider's; without a tenant everybody's.

        ```python
        for row in (await rounds.schedule(tenant="acme")).rows:
            print(row.connection, row.next_start, row.held_by)
        ```
        """
        return await self._get("schedule", Whose(tenant=tenant, provider=provider), Schedule, at=at)

    async def log(
        self, *, after: int | None = None, connection: str | None = None, limit: int = 100
    ) -> Events:
        """Read events of the log.

        Events after a number, the last `limit` of them where `after` is not given.

        `connection` may name a source, too, and one that was removed.

        ```python
        last = await rounds.log(limit=5, connection="acme/weather")
        print([type(each.event).__name__ for each in last.events])
        ```
        """
        return await self._get(
            "log", LogQuery(after=after, connection=connection, limit=limit), Events
        )

    async def log_stats(self) -> LogStats:
        """Look at how large the log is, and how many events there are of each type.

        ```python
        stats = await rounds.log_stats()
        print(stats.bytes, stats.types)
        ```
        """
        return await self._get("log-stats", Nothing(), LogStats)

    async def diff(
        self,
        before: str,
        *,
        after: str | None = None,
        connection: str | None = None,
        skip: int = 0,
        limit: int = 1000,
    ) -> Difference:
        """Compare two moments: what differs between them.

        What differs between two moments; the second one is now where it is not given.

        Of the fields, `limit` after the first `skip`.

        ```python
        differs = await rounds.diff("1", connection="acme/weather")
        print([(each.path, each.after) for each in differs.fields])
        ```
        """
        return await self._get(
            "diff",
            DiffQuery(before=before, after=after, connection=connection, skip=skip, limit=limit),
            Difference,
            seconds=asking.PAST_S,
        )

    async def read_model(self) -> ReadModelState:
        """Look at the read model: which file it is, and up to which event it goes.

        ```python
        model = await rounds.read_model()
        print(model.path, model.position, model.upto)
        ```
        """
        return await self._get("read-model", Nothing(), ReadModelState)

    async def read_model_rebuild(self) -> Done:
        """Fill the read model anew from the log.

        ```python
        print((await rounds.read_model_rebuild()).message)
        ```
        """
        return await self._post("read-model-rebuild", Nothing(), Done)

    async def snapshots(self) -> SnapshotList:
        """List the snapshots that a start can begin at.

        ```python
        print([each.snapshot for each in (await rounds.snapshots()).snapshots])
        ```
        """
        return await self._get("snapshots", Nothing(), SnapshotList)

    async def snapshot_take(self) -> SnapshotTaken:
        """Take a snapshot now.

        ```python
        print((await rounds.snapshot_take()).message)
        ```
        """
        return await self._post("snapshot-take", Nothing(), SnapshotTaken)
