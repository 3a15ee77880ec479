"""How are health and rotation asked about, under the documents' names?

Written by `python -m tests.client.writing` from the operations: change those.
"""

from typing import Literal

from daemon.client.asker import Asker, Moment
from daemon.control.failure_messages import Failures, FailuresQuery
from daemon.control.history_messages import History, HistoryQuery
from daemon.control.queue_messages import QueueHealth
from daemon.control.rotation_messages import (
    Enqueue,
    HealthAnalysis,
    HealthMetrics,
    HealthQuery,
    HealthScore,
    NextRotation,
    OfProvider,
    Processed,
    ProcessQueue,
    QueueId,
    ScheduleId,
    SystemHealth,
    TenantName,
    TenantProvider,
    Whose,
)
from daemon.control.status_messages import SyncHealthStatus


class HealthOperations(Asker):
    async def get_sync_system_health(
        self, *, tenant: str | None = None, provider: str | None = None, at: Moment | None = None
    ) -> SystemHealth:
        """Look at how all is, or a tenant's part, in one word with reasons.

        One tenant's, of them one provider's; without a tenant everybody's.

        ```python
        system = await rounds.get_sync_system_health()
        print(system.health, [each.sentence for each in system.reasons])
        ```
        """
        return await self._get(
            "get-sync-system-health", Whose(tenant=tenant, provider=provider), SystemHealth, at=at
        )

    async def analyze_sync_health(
        self,
        *,
        tenant: str | None = None,
        provider: str | None = None,
        first: int | None = None,
        at: Moment | None = None,
    ) -> HealthAnalysis:
        """Look at each connection's health, and at what its score is made of.

        As `Whose`; where these are more than `first`, so many of them, the worst ones.

        ```python
        for each in (await rounds.analyze_sync_health(tenant="acme")).connections:
            print(each.connection, each.condition, each.success_rate)
        ```
        """
        return await self._get(
            "analyze-sync-health",
            HealthQuery(tenant=tenant, provider=provider, first=first),
            HealthAnalysis,
            at=at,
        )

    async def check_health(self, tenant: str, *, provider: str | None = None) -> HealthMetrics:
        """Look at the figures of a tenant's connections, of all providers or of one.

        A tenant's connections to a provider, or all of theirs.

        ```python
        metrics = (await rounds.check_health("acme", provider="weather")).health_metrics
        print(metrics[0].total_syncs, metrics[0].uptime_percentage)
        ```
        """
        return await self._post(
            "check-health", TenantProvider(tenant=tenant, provider=provider), HealthMetrics
        )

    async def calculate_connection_health_score(
        self, tenant: str, provider: str, *, at: Moment | None = None
    ) -> HealthScore:
        """Look at the score of a tenant's connection, 0 to 100.

        The one connection of a tenant to a provider.

        ```python
        answer = await rounds.calculate_connection_health_score("acme", "weather")
        print(answer.health_score)
        ```
        """
        return await self._get(
            "calculate-connection-health-score",
            OfProvider(tenant=tenant, provider=provider),
            HealthScore,
            at=at,
        )

    async def get_retry_analytics(
        self, *, tenant: str | None = None, connection: str | None = None, days: int = 30
    ) -> Failures:
        """Look at what failures cost by class, and what retries saved or wasted.

        Of a tenant, or of one connection. Name one of them.

        ```python
        for each in (await rounds.get_retry_analytics(tenant="acme")).classes:
            print(each.cause, each.failed, each.saved, each.wasted)
        ```
        """
        return await self._get(
            "get-retry-analytics",
            FailuresQuery(tenant=tenant, connection=connection, days=days),
            Failures,
        )

    async def get_sync_health_history(
        self,
        *,
        connection: str | None = None,
        stream: str | None = None,
        tenant: str | None = None,
        provider: str | None = None,
        days: int = 30,
        by: Literal["day", "hour"] = "day",
    ) -> History:
        """Look at what syncs, records, calls and tokens came to, day by day.

        Of a connection, a stream of it, a tenant, a provider; of the fleet where none is named.

        Where `connection` names a source that reports by itself, it is of what that reported.

        ```python
        for row in (await rounds.get_sync_health_history(tenant="acme", days=7)).rows:
            print(row.start, row.succeeded, row.failed, row.records)
        ```
        """
        return await self._get(
            "get-sync-health-history",
            HistoryQuery(
                connection=connection,
                stream=stream,
                tenant=tenant,
                provider=provider,
                days=days,
                by=by,
            ),
            History,
        )

    async def get_sync_health_status(
        self, tenant: str, *, at: Moment | None = None
    ) -> SyncHealthStatus:
        """Look at how a tenant's part is: its word, reasons, score, sources.

        ```python
        tenant = await rounds.get_sync_health_status("acme")
        print(tenant.health, tenant.score, tenant.last_sync)
        ```
        """
        return await self._get(
            "get-sync-health-status", TenantName(tenant=tenant), SyncHealthStatus, at=at
        )

    async def get_queue_health_metrics(
        self, *, tenant: str | None = None, provider: str | None = None, at: Moment | None = None
    ) -> QueueHealth:
        """Look at how the queue of syncs does, and that of writes.

        One tenant's, of them one provider's; without a tenant everybody's.

        ```python
        queue = await rounds.get_queue_health_metrics(tenant="acme")
        print(queue.depth, queue.pending, queue.oldest_age_s)
        ```
        """
        return await self._get(
            "get-queue-health-metrics", Whose(tenant=tenant, provider=provider), QueueHealth, at=at
        )

    async def get_next_rotation_provider(
        self, tenant: str, *, at: Moment | None = None
    ) -> NextRotation:
        """Look at which of a tenant's providers goes next, and when.

        ```python
        turn = await rounds.get_next_rotation_provider("acme")
        print(turn.provider, turn.at)
        ```
        """
        return await self._get(
            "get-next-rotation-provider", TenantName(tenant=tenant), NextRotation, at=at
        )

    async def process_queue(self, *, timeout_s: float = 20.0) -> Processed:
        """Wait until all that is due now has ended, and count how it did.

        How long to wait for what is due now, in seconds.

        ```python
        done = await rounds.process_queue(timeout_s=60)
        print(done.successful, done.failed, done.left)
        ```
        """
        return await self._get(
            "process-queue", ProcessQueue(timeout_s=timeout_s), Processed, seconds=timeout_s
        )

    async def schedule_rotation(self, tenant: str) -> ScheduleId:
        """Look at the event that planned a tenant's next turn, and at its time.

        ```python
        planned = await rounds.schedule_rotation("acme")
        print(planned.provider, planned.scheduled_at)
        ```
        """
        return await self._post("schedule-rotation", TenantName(tenant=tenant), ScheduleId)

    async def schedule_next_rotation(self, tenant: str) -> ScheduleId:
        """Look at the event that planned a tenant's next turn, as `schedule-rotation` does.

        ```python
        planned = await rounds.schedule_next_rotation("acme")
        print(planned.schedule_id)
        ```
        """
        return await self._post("schedule-next-rotation", TenantName(tenant=tenant), ScheduleId)

    async def execute_sync(self, tenant: str, provider: str) -> QueueId:
        """Sync a tenant's connection to a provider now.

        The one connection of a tenant to a provider.

        ```python
        print((await rounds.execute_sync("acme", "weather")).queue_id)
        ```
        """
        return await self._post(
            "execute-sync", OfProvider(tenant=tenant, provider=provider), QueueId
        )

    async def enqueue_sync_with_failover(
        self,
        tenant: str,
        provider: str,
        *,
        sync_type: Literal["scheduled", "manual", "retry", "failover"] = "manual",
    ) -> QueueId:
        """Queue a sync of that type; what fails is tried again, or failed over, as settings say.

        A sync to queue: at once (manual), as a turn, as a retry of what failed, or as a failover.

        ```python
        queued = await rounds.enqueue_sync_with_failover("acme", "weather", sync_type="manual")
        print(queued.priority)
        ```
        """
        return await self._post(
            "enqueue-sync-with-failover",
            Enqueue(tenant=tenant, provider=provider, sync_type=sync_type),
            QueueId,
        )
