"""How does what is outside report, and how are its reports looked at?

Written by `python -m tests.client.writing` from the operations: change those.
"""

from datetime import datetime

from daemon.client.asker import Asker, Moment
from daemon.control.messages import Done
from daemon.control.source_messages import (
    Metrics,
    MetricsWish,
    OutcomeWish,
    Report,
    ReportsWish,
    SourceAnswer,
    SourceList,
    SourceName,
    SourcesQuery,
    SourceToken,
    SourceWish,
    StatusWish,
    Taken,
)
from events.sources import Health, Pattern


class SourcesOperations(Asker):
    async def sources(self, *, tenant: str | None = None, at: Moment | None = None) -> SourceList:
        """Look at what reports from outside: who is late, and what waits there.

        All sources, or one tenant's.

        ```python
        for each in (await rounds.sources(tenant="alice")).sources:
            print(each.source, each.punctuality, each.queue_depth)
        ```
        """
        return await self._get("sources", SourcesQuery(tenant=tenant), SourceList, at=at)

    async def source(self, source: str, *, at: Moment | None = None) -> SourceAnswer:
        """Look at one source, with what it reported day by day.

        ```python
        answer = await rounds.source("alice/phone-calls")
        print(answer.source.due_at, [(each.day, each.records) for each in answer.days])
        ```
        """
        return await self._get("source", SourceName(source=source), SourceAnswer, at=at)

    async def source_add(
        self,
        source: str,
        *,
        pattern: Pattern | None = None,
        expected_every: str | None = None,
        late_after: str | None = None,
        night: bool | None = None,
    ) -> Done:
        """Add a source, which reports from outside, by its pattern.

        A source to add, or to change: what is not given is its pattern's, or stays as it was.

        ```python
        await rounds.source_add("alice/uploads", pattern=Pattern.MANUAL)
        ```
        """
        return await self._post(
            "source-add",
            SourceWish(
                source=source,
                pattern=pattern,
                expected_every=expected_every,
                late_after=late_after,
                night=night,
            ),
            Done,
        )

    async def source_set(
        self,
        source: str,
        *,
        pattern: Pattern | None = None,
        expected_every: str | None = None,
        late_after: str | None = None,
        night: bool | None = None,
    ) -> Done:
        """Change what is expected of a source.

        A source to add, or to change: what is not given is its pattern's, or stays as it was.

        ```python
        await rounds.source_set("alice/uploads", late_after="21d")
        ```
        """
        return await self._post(
            "source-set",
            SourceWish(
                source=source,
                pattern=pattern,
                expected_every=expected_every,
                late_after=late_after,
                night=night,
            ),
            Done,
        )

    async def source_token(self, source: str) -> SourceToken:
        """Give a source a new token, which is told this once; an old one ends.

        ```python
        given = await rounds.source_token("alice/uploads")
        print(len(given.token), "characters, which are told this once")
        ```
        """
        return await self._post("source-token", SourceName(source=source), SourceToken)

    async def source_remove(self, source: str) -> Done:
        """Remove a source; its token ends.

        ```python
        await rounds.source_remove("alice/uploads")
        ```
        """
        return await self._post("source-remove", SourceName(source=source), Done)

    async def report(self, source: str, reports: list[Report]) -> Taken:
        """Report for a source: all of it is taken, each report once, or nothing.

        What a source has to report: all of it is taken, or nothing.

        ```python
        metrics = Metrics(records=12, errors=0, queue_depth=3)
        told = Report(at=datetime.now(UTC), key="batch-7", metrics=metrics)
        print((await rounds.report("alice/phone-calls", [told])).message)
        ```
        """
        return await self._post("report", ReportsWish(source=source, reports=reports), Taken)

    async def update_sync_health_metrics(
        self,
        tenant: str,
        source: str,
        metrics: Metrics,
        *,
        at: datetime | None = None,
        key: str | None = None,
    ) -> Taken:
        """Report figures of a tenant's source.

        One report of a tenant's source. Without `at` it is of now, `at` stands for a missing key.

        ```python
        taken = await rounds.update_sync_health_metrics(
            "alice", "phone-calls", Metrics(syncs=1, records=40), key="batch-8"
        )
        print(taken.new, taken.known)
        ```
        """
        return await self._post(
            "update-sync-health-metrics",
            MetricsWish(tenant=tenant, source=source, metrics=metrics, at=at, key=key),
            Taken,
        )

    async def update_connection_health_status(
        self,
        tenant: str,
        data_type: str,
        status: Health,
        *,
        item_count: int | None = None,
        at: datetime | None = None,
        key: str | None = None,
    ) -> Taken:
        """Report how a tenant's data of a type was found to be.

        How a tenant's source, which is their data type, was found by somebody outside.

        ```python
        await rounds.update_connection_health_status(
            "alice", "phone-calls", Health.DEGRADED, item_count=3
        )
        ```
        """
        return await self._post(
            "update-connection-health-status",
            StatusWish(
                tenant=tenant,
                data_type=data_type,
                status=status,
                item_count=item_count,
                at=at,
                key=key,
            ),
            Taken,
        )

    async def update_connection_health(
        self,
        tenant: str,
        provider: str,
        success: bool,
        *,
        duration_ms: int | None = None,
        at: datetime | None = None,
        key: str | None = None,
    ) -> Taken:
        """Report how a sync went that somebody outside made.

        How a sync went that somebody outside made, of a tenant's source called as its provider.

        ```python
        await rounds.update_connection_health("alice", "phone-calls", True, duration_ms=840)
        ```
        """
        return await self._post(
            "update-connection-health",
            OutcomeWish(
                tenant=tenant,
                provider=provider,
                success=success,
                duration_ms=duration_ms,
                at=at,
                key=key,
            ),
            Taken,
        )
