"""How are records, what is held of them, and what they were, looked at and taken back?

Written by `python -m tests.client.writing` from the operations: change those.
"""

from collections.abc import Sequence

from daemon.client.asker import Asker
from daemon.control import asking
from daemon.control.data_messages import (
    Data,
    DataDiff,
    DataDiffQuery,
    DataQuery,
    DataVersions,
    DataVersionsQuery,
)
from daemon.control.messages import Done
from daemon.control.quarantine_messages import DoubtAnswer, Doubts, HeldName, QuarantineQuery
from daemon.control.rollback_messages import (
    Preview,
    PreviewWish,
    RollbackAnswer,
    RollbackWish,
    Targets,
    TargetsQuery,
)
from events.terms import RollbackScope


class DataOperations(Asker):
    async def data(
        self,
        connection: str,
        stream: str,
        *,
        provider: str | None = None,
        after: str | None = None,
        limit: int = 50,
        as_of: str | None = None,
        version: int | None = None,
    ) -> Data:
        """Read records of a stream, by key: the current ones, or those of then.

        Records of a stream, by key; `after` is the last answer's `after`.

        They are the current ones, or those of then (`as_of`), or of a `version`: who asks for the
        version of the first answer sees that one to its end, whatever is synced meanwhile.
        `provider` asks for what was fetched from that one, before the connection was moved.

        ```python
        page = await rounds.data("acme/weather", "days", limit=20)
        while page.after is not None:
            page = await rounds.data("acme/weather", "days", version=page.version, after=page.after)
        ```
        """
        return await self._get(
            "data",
            DataQuery(
                connection=connection,
                stream=stream,
                provider=provider,
                after=after,
                limit=limit,
                as_of=as_of,
                version=version,
            ),
            Data,
        )

    async def data_versions(
        self,
        connection: str,
        stream: str,
        *,
        provider: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> DataVersions:
        """List a stream's versions, the newest first.

        A stream's versions, the newest first; `before` is the last answer's `before`.

        ```python
        kept = await rounds.data_versions("acme/weather", "days")
        print([(each.version, each.rows) for each in kept.versions])
        ```
        """
        return await self._get(
            "data-versions",
            DataVersionsQuery(
                connection=connection, stream=stream, provider=provider, before=before, limit=limit
            ),
            DataVersions,
        )

    async def data_diff(
        self,
        connection: str,
        stream: str,
        *,
        provider: str | None = None,
        as_of: str | None = None,
        to: str | None = None,
        after: str | None = None,
        limit: int = 50,
        summary: bool = False,
    ) -> DataDiff:
        """Compare two versions of a stream.

        What differs from then to the version in force, or `to` another one.

        Without `as_of` it is from the version before. `summary` asks for counts alone. `after` is
        the last answer's `after`; who goes on names both versions as it did (`v1204`).

        ```python
        differs = await rounds.data_diff("acme/weather", "days", summary=True)
        print(differs.added, differs.changed, differs.removed)
        ```
        """
        return await self._get(
            "data-diff",
            DataDiffQuery(
                connection=connection,
                stream=stream,
                provider=provider,
                as_of=as_of,
                to=to,
                after=after,
                limit=limit,
                summary=summary,
            ),
            DataDiff,
        )

    async def quarantine(self, *, connection: str | None = None) -> Doubts:
        """List the answers that were refused, or are held beside what is in force.

        All that is held or was refused last, or one connection's.

        ```python
        for each in (await rounds.quarantine()).doubts:
            print(each.connection, each.stream, each.message)
        ```
        """
        return await self._get("quarantine", QuarantineQuery(connection=connection), Doubts)

    async def quarantine_version(self, connection: str, stream: str) -> DoubtAnswer:
        """Look at what is held of a stream, or at what was refused of it last.

        Names a stream of a connection, of which one answer at most is held.

        ```python
        held = (await rounds.quarantine_version("acme/shrinking", "days")).held
        print(held.removed if held else "nothing is held")
        ```
        """
        return await self._get(
            "quarantine-version", HeldName(connection=connection, stream=stream), DoubtAnswer
        )

    async def quarantine_accept(self, connection: str, stream: str) -> Done:
        """Take over what is held of a stream, as a version of its own.

        Names a stream of a connection, of which one answer at most is held.

        ```python
        print((await rounds.quarantine_accept("acme/shrinking", "days")).message)
        ```
        """
        return await self._post(
            "quarantine-accept",
            HeldName(connection=connection, stream=stream),
            Done,
            seconds=asking.PATIENT_S,
        )

    async def quarantine_drop(self, connection: str, stream: str) -> Done:
        """Give up what is held of a stream; what is in force stays.

        Names a stream of a connection, of which one answer at most is held.

        ```python
        print((await rounds.quarantine_drop("acme/shrinking", "days")).message)
        ```
        """
        return await self._post(
            "quarantine-drop",
            HeldName(connection=connection, stream=stream),
            Done,
            seconds=asking.PATIENT_S,
        )

    async def rollback(
        self,
        connection: str,
        *,
        to: str | None = None,
        undo: int | None = None,
        scope: RollbackScope = RollbackScope.DATA,
        streams: Sequence[str] = (),
        wait: bool = False,
    ) -> RollbackAnswer:
        """Take a connection back to what it was: its data, or its state.

        Take one connection back: its data, of these `streams` (none: all), or its state.

        With `wait` a sync that runs is waited for.

        ```python
        kept = await rounds.data_versions("acme/weather", "days")
        back = await rounds.rollback("acme/weather", to=f"v{kept.versions[-1].version}", wait=True)
        print(back.message)
        ```
        """
        return await self._post(
            "rollback",
            RollbackWish(
                to=to,
                undo=undo,
                connection=connection,
                scope=scope,
                streams=list(streams),
                wait=wait,
            ),
            RollbackAnswer,
            seconds=asking.PATIENT_S,
        )

    async def rollback_preview(
        self,
        connection: str,
        *,
        to: str | None = None,
        undo: int | None = None,
        scope: RollbackScope = RollbackScope.DATA,
        streams: Sequence[str] = (),
        examples: int = 0,
    ) -> Preview:
        """Look at what going back would change; nothing is changed by that.

        What going back would change, with so many `examples` of records a stream.

        ```python
        kept = await rounds.data_versions("acme/weather", "days")
        seen = await rounds.rollback_preview("acme/weather", to=f"v{kept.versions[-1].version}")
        print([(each.stream, each.added, each.removed) for each in seen.streams])
        ```
        """
        return await self._post(
            "rollback-preview",
            PreviewWish(
                to=to,
                undo=undo,
                connection=connection,
                scope=scope,
                streams=list(streams),
                examples=examples,
            ),
            Preview,
            seconds=asking.PATIENT_S,
        )

    async def rollback_targets(
        self, to: str, *, tenant: str | None = None, provider: str | None = None
    ) -> Targets:
        """List the connections that would go back to a moment.

        Which connections go back: a tenant's, a provider's; where neither is named, all.

        ```python
        print((await rounds.rollback_targets("1", tenant="acme")).connections)
        ```
        """
        return await self._get(
            "rollback-targets", TargetsQuery(to=to, tenant=tenant, provider=provider), Targets
        )
