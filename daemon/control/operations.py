"""Which operations are there, and what does each need? Routes and OpenAPI document follow."""

from daemon.control import account_messages as a
from daemon.control import (
    accounts,
    act,
    audit,
    backfill,
    breakers,
    cache,
    consent,
    difference,
    drift,
    explain,
    failure_log,
    failures,
    gateway,
    health,
    history,
    issues,
    look,
    membership,
    outbox,
    passes,
    policies,
    providers,
    quarantine,
    queue,
    queue_health,
    read_model,
    recommending,
    records,
    relinking,
    replay,
    reporting,
    rollback,
    rotation,
    snapshots,
    sourcing,
    status,
    tenant_status,
    versions,
)
from daemon.control import audit_messages as y
from daemon.control import consent_messages as c
from daemon.control import data_messages as d
from daemon.control import drift_messages as f
from daemon.control import explain_messages as e
from daemon.control import failure_log_messages as n
from daemon.control import failure_messages as z
from daemon.control import gateway_messages as g
from daemon.control import history_messages as t
from daemon.control import issue_messages as i
from daemon.control import messages as m
from daemon.control import outbox_messages as o
from daemon.control import policy_messages as p
from daemon.control import provider_messages as v
from daemon.control import quarantine_messages as h
from daemon.control import queue_messages as k
from daemon.control import read_model_messages as l
from daemon.control import recommend_messages as j
from daemon.control import replay_messages as q
from daemon.control import rollback_messages as b
from daemon.control import rotation_messages as r
from daemon.control import snapshot_messages as s
from daemon.control import source_messages as w
from daemon.control import status_messages as u
from daemon.control.operation import Role, Stream, get, past, post

REPORTING = (
    post(
        "report",
        Role.OPERATOR,
        w.ReportsWish,
        reporting.report,
        w.Taken,
        bytes_max=w.REPORTS_BYTES_MAX,
    ),
    *(
        post(name, Role.OPERATOR, takes, call, w.Taken)
        for name, takes, call in (
            ("update-sync-health-metrics", w.MetricsWish, reporting.update_sync_health_metrics),
            (
                "update-connection-health-status",
                w.StatusWish,
                reporting.update_connection_health_status,
            ),
            ("update-connection-health", w.OutcomeWish, reporting.update_connection_health),
        )
    ),
)
"""What is told from outside."""

OPERATIONS = (
    past("status", m.Nothing, m.Status, status.status),
    past("queue", r.Whose, m.Queue, queue.queue),
    past("get-queue-health-metrics", r.Whose, k.QueueHealth, queue_health.get_queue_health_metrics),
    past("connections", m.ConnectionsQuery, m.Connections, look.connections),
    past("connection", m.ConnectionName, m.ConnectionAnswer, look.connection),
    past("providers", m.Nothing, v.Providers, providers.providers),
    past("explain", e.ExplainQuery, e.Explanation, explain.explain),
    past("drift", f.DriftQuery, f.DriftAnswer, drift.drift),
    past("drift-backtest", f.DriftQuery, f.DriftBacktest, drift.drift_backtest),
    past("calculate-data-drift", f.OfSource, f.DataDrift, drift.calculate_data_drift),
    past("recommend", j.RecommendQuery, j.Recommendations, recommending.recommend),
    get("log", m.LogQuery, m.Events, look.log),
    get("log-stats", m.Nothing, m.LogStats, look.log_stats),
    get("audit-reads", y.ReadsQuery, y.TenantReads, audit.reads),
    past("consent", c.ConsentOf, c.ConsentAnswer, consent.show),
    post("consent-grant", Role.ADMIN, c.ConsentWish, consent.grant),
    post("consent-withdraw", Role.ADMIN, c.ConsentWish, consent.withdraw),
    get("snapshots", m.Nothing, s.SnapshotList, snapshots.list_),
    post("snapshot-take", Role.OPERATOR, m.Nothing, snapshots.take, s.SnapshotTaken),
    get("read-model", m.Nothing, l.ReadModelState, read_model.show),
    post("read-model-rebuild", Role.OPERATOR, m.Nothing, read_model.rebuild),
    get("data", d.DataQuery, d.Data, records.data),
    get("data-versions", d.DataVersionsQuery, d.DataVersions, versions.listing),
    get("data-diff", d.DataDiffQuery, d.DataDiff, versions.diff),
    past("policy", p.PolicyOf, p.PolicyAnswer, policies.show),
    past("breakers", m.Nothing, p.Breakers, breakers.show),
    past("schedule", r.Whose, r.Schedule, rotation.schedule),
    get("process-queue", r.ProcessQueue, r.Processed, rotation.process_queue, Role.OPERATOR),
    past(
        "get-next-rotation-provider",
        r.TenantName,
        r.NextRotation,
        rotation.get_next_rotation_provider,
    ),
    past(
        "calculate-connection-health-score",
        r.OfProvider,
        r.HealthScore,
        health.calculate_connection_health_score,
    ),
    past("get-sync-system-health", r.Whose, r.SystemHealth, health.get_sync_system_health),
    past(
        "get-sync-health-status",
        r.TenantName,
        u.SyncHealthStatus,
        tenant_status.get_sync_health_status,
    ),
    past("analyze-sync-health", r.HealthQuery, r.HealthAnalysis, health.analyze_sync_health),
    get("get-sync-health-history", t.HistoryQuery, t.History, history.get_sync_health_history),
    get("get-retry-analytics", z.FailuresQuery, z.Failures, failures.show),
    get("failure-log", n.FailureLogQuery, n.FailureLog, failure_log.listing),
    get("failure", n.FailureName, n.FailureAnswer, failure_log.show),
    past("issues", i.IssuesQuery, i.IssueList, issues.show),
    past("detect-sync-issues", i.DetectQuery, i.IssueList, issues.detect_sync_issues),
    get("diff", q.DiffQuery, q.Difference, difference.diff),
    post("check-health", Role.VIEWER, r.TenantProvider, health.check_health, r.HealthMetrics),
    post(
        "schedule-rotation", Role.OPERATOR, r.TenantName, rotation.schedule_rotation, r.ScheduleId
    ),
    post(
        "schedule-next-rotation",
        Role.OPERATOR,
        r.TenantName,
        rotation.schedule_rotation,
        r.ScheduleId,
    ),
    post("execute-sync", Role.OPERATOR, r.OfProvider, rotation.execute_sync, r.QueueId),
    post(
        "enqueue-sync-with-failover",
        Role.OPERATOR,
        r.Enqueue,
        rotation.enqueue_sync_with_failover,
        r.QueueId,
    ),
    post("policy-set", Role.OPERATOR, p.PolicyWish, policies.set_),
    post("policy-reset", Role.OPERATOR, p.PolicyReset, policies.reset),
    post("breaker-open", Role.ADMIN, p.BreakerOf, breakers.open_),
    post("breaker-close", Role.ADMIN, p.BreakerOf, breakers.close),
    post("breaker-reset", Role.ADMIN, p.BreakerOf, breakers.reset),
    post("retry", Role.OPERATOR, p.RetryWish, act.retry),
    post("sync", Role.OPERATOR, a.SyncWish, act.sync),
    post("sync-all", Role.OPERATOR, a.SyncAllWish, passes.sync_all),
    get("cache", g.CacheQuery, g.KeptAnswers, cache.show),
    post("cache-drop", Role.OPERATOR, g.CacheOf, cache.drop, g.CacheDropped),
    post(
        "request",
        Role.OPERATOR,
        g.RequestWish,
        gateway.request,
        g.RequestAnswer,
        bytes_max=g.REQUEST_BYTES_MAX,
    ),
    past("outbox", o.OutboxQuery, o.Writes, outbox.show_all),
    get("outbox-write", o.WriteName, o.WriteAnswer, outbox.show, Role.OPERATOR),
    post("outbox-retry", Role.OPERATOR, o.WriteName, outbox.retry),
    post("outbox-delivered", Role.OPERATOR, o.WriteName, outbox.delivered),
    post("outbox-drop", Role.OPERATOR, o.WriteName, outbox.drop),
    get("quarantine", h.QuarantineQuery, h.Doubts, quarantine.show_all),
    get("quarantine-version", h.HeldName, h.DoubtAnswer, quarantine.show),
    post("quarantine-accept", Role.OPERATOR, h.HeldName, quarantine.accept),
    post("quarantine-drop", Role.OPERATOR, h.HeldName, quarantine.drop),
    past("sources", w.SourcesQuery, w.SourceList, sourcing.show_all),
    past("source", w.SourceName, w.SourceAnswer, sourcing.show),
    post("source-add", Role.ADMIN, w.SourceWish, sourcing.add),
    post("source-set", Role.ADMIN, w.SourceWish, sourcing.set_),
    post("source-remove", Role.ADMIN, w.SourceName, sourcing.remove),
    post("source-token", Role.ADMIN, w.SourceName, sourcing.token, w.SourceToken),
    *REPORTING,
    post("pause", Role.OPERATOR, m.ConnectionName, act.pause),
    post("resume", Role.OPERATOR, m.ConnectionName, act.resume),
    post("cancel", Role.OPERATOR, m.ConnectionName, act.cancel),
    post("rollback", Role.OPERATOR, b.RollbackWish, rollback.rollback, b.RollbackAnswer),
    post("rollback-preview", Role.VIEWER, b.PreviewWish, rollback.preview, b.Preview),
    get("rollback-targets", b.TargetsQuery, b.Targets, rollback.targets, Role.ADMIN),
    post("add", Role.ADMIN, m.NewConnection, membership.add),
    post("relink", Role.ADMIN, v.RelinkWish, relinking.relink),
    post("remove", Role.ADMIN, m.ConnectionName, membership.remove),
    post("backfill", Role.OPERATOR, a.BackfillWish, backfill.backfill),
    post(
        "authorize-begin", Role.ADMIN, a.AuthorizeWish, accounts.authorize_begin, a.AuthorizeBegun
    ),
    post("authorize-finish", Role.ADMIN, a.AuthorizeAnswer, accounts.authorize_finish),
    post("provider-client", Role.ADMIN, a.ProviderClient, accounts.provider_client),
    post("vault-rotate", Role.ADMIN, m.Nothing, act.rotate_vault_key),
)

STREAMS = (
    Stream(name="tail", role=Role.VIEWER, takes=m.TailQuery, gives=m.EventView, open=look.tail),
    Stream(
        name="watch", role=Role.VIEWER, takes=m.ConnectionName, gives=m.WatchTick, open=look.watch
    ),
    Stream(
        name="replay",
        role=Role.VIEWER,
        takes=q.ReplayQuery,
        gives=q.ReplayStep,
        open=replay.replay,
    ),
)
