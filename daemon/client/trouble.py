"""How is it asked what is wrong, and what differs from what is usual?

Written by `python -m tests.client.writing` from the operations: change those.
"""

from daemon.client.asker import Asker, Moment
from daemon.control.drift_messages import (
    DataDrift,
    DriftAnswer,
    DriftBacktest,
    DriftQuery,
    OfSource,
)
from daemon.control.failure_log_messages import (
    FailureAnswer,
    FailureLog,
    FailureLogQuery,
    FailureName,
)
from daemon.control.issue_messages import DetectQuery, IssueList, IssuesQuery
from daemon.control.recommend_messages import Recommendations, RecommendQuery
from events.issues import IssueKind, Severity
from events.terms import FailureClass


class TroubleOperations(Asker):
    async def failure_log(
        self,
        *,
        tenant: str | None = None,
        connection: str | None = None,
        stream: str | None = None,
        cause: FailureClass | None = None,
        days: int = 30,
        limit: int = 50,
        before: str | None = None,
    ) -> FailureLog:
        """Look at a tenant's or a connection's failures, one by one, the newest first.

        Of a tenant, or of one connection: name one of them. Of a stream or a class alone.

        `before` is what the last answer gave as `next`.

        ```python
        for each in (await rounds.failure_log(tenant="acme", cause="server")).failures:
            print(each.event, each.request, each.status, each.message)
        ```
        """
        return await self._get(
            "failure-log",
            FailureLogQuery(
                tenant=tenant,
                connection=connection,
                stream=stream,
                cause=cause,
                days=days,
                limit=limit,
                before=before,
            ),
            FailureLog,
        )

    async def failure(self, connection: str, event: int) -> FailureAnswer:
        """Look at one failure; operators and admins see what the provider said, redacted.

        A failure of that connection, by the event that tells of it.

        ```python
        for each in (await rounds.failure_log(connection="acme/weather", limit=1)).failures:
            print((await rounds.failure("acme/weather", each.event)).excerpts)
        ```
        """
        return await self._get(
            "failure", FailureName(connection=connection, event=event), FailureAnswer
        )

    async def issues(
        self,
        *,
        tenant: str | None = None,
        provider: str | None = None,
        kind: IssueKind | None = None,
        severity: Severity | None = None,
        closed: bool = False,
        at: Moment | None = None,
    ) -> IssueList:
        """Look at what is wrong: since when, what shows it, and the command that helps.

        Everything, or what concerns a tenant, or one of its connections or sources.

        Of one kind or severity; with `closed` also those that were closed last.

        ```python
        for each in (await rounds.issues(tenant="acme")).issues:
            print(each.severity, each.name, each.sentence, each.command)
        ```
        """
        return await self._get(
            "issues",
            IssuesQuery(
                tenant=tenant, provider=provider, kind=kind, severity=severity, closed=closed
            ),
            IssueList,
            at=at,
        )

    async def detect_sync_issues(
        self,
        tenant: str,
        threshold_hours: float,
        *,
        provider: str | None = None,
        at: Moment | None = None,
    ) -> IssueList:
        """Look for what is wrong with all that a tenant has, as things are now.

        A tenant's connections and sources, or one; what is older than the threshold is stale.

        ```python
        found = await rounds.detect_sync_issues("acme", 48, provider="weather")
        print([each.sentence for each in found.issues])
        ```
        """
        return await self._get(
            "detect-sync-issues",
            DetectQuery(tenant=tenant, threshold_hours=threshold_hours, provider=provider),
            IssueList,
            at=at,
        )

    async def recommend(
        self, *, tenant: str | None = None, provider: str | None = None, at: Moment | None = None
    ) -> Recommendations:
        """Look at which interval would find new data sooner, or with fewer calls.

        Of all, of a tenant, or of its connections to one provider.

        ```python
        for each in (await rounds.recommend(tenant="acme")).recommendations:
            print(each.connection, each.word, each.command, each.usual_since, each.usual_until)
        ```
        """
        return await self._get(
            "recommend", RecommendQuery(tenant=tenant, provider=provider), Recommendations, at=at
        )

    async def drift(
        self,
        connection: str,
        *,
        stream: str | None = None,
        days: int = 70,
        threshold: float | None = None,
        percent: float | None = None,
        at: Moment | None = None,
    ) -> DriftAnswer:
        """Look at how far what came, and how old it is, is off what is usual.

        Of a connection, or one stream of it, by what came in the last so many days.

        `threshold` and `percent` stand for the settings `drift_threshold` and `drift_percent`.

        ```python
        for each in (await rounds.drift("acme/weather", stream="days")).streams:
            print(each.stream, each.verdict.word if each.verdict else "no whole day yet")
        ```
        """
        return await self._get(
            "drift",
            DriftQuery(
                connection=connection,
                stream=stream,
                days=days,
                threshold=threshold,
                percent=percent,
            ),
            DriftAnswer,
            at=at,
        )

    async def drift_backtest(
        self,
        connection: str,
        *,
        stream: str | None = None,
        days: int = 70,
        threshold: float | None = None,
        percent: float | None = None,
        at: Moment | None = None,
    ) -> DriftBacktest:
        """Look at which days would have alarmed under other thresholds.

        Of a connection, or one stream of it, by what came in the last so many days.

        `threshold` and `percent` stand for the settings `drift_threshold` and `drift_percent`.

        ```python
        tried = await rounds.drift_backtest("acme/weather", days=90, threshold=5)
        print([(each.stream, each.judged, each.runs) for each in tried.streams])
        ```
        """
        return await self._get(
            "drift-backtest",
            DriftQuery(
                connection=connection,
                stream=stream,
                days=days,
                threshold=threshold,
                percent=percent,
            ),
            DriftBacktest,
            at=at,
        )

    async def calculate_data_drift(
        self, tenant: str, source: str, *, at: Moment | None = None
    ) -> DataDrift:
        """Look at how many percent a tenant's data is off what was expected.

        A tenant's data from a provider, or from `provider/stream`.

        ```python
        data = await rounds.calculate_data_drift("acme", "weather/days")
        print([(each.stream, each.drift_percentage) for each in data.drifts])
        ```
        """
        return await self._get(
            "calculate-data-drift", OfSource(tenant=tenant, source=source), DataDrift, at=at
        )
