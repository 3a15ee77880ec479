"""Which operations are there, and what does each need? Routes and OpenAPI document follow."""

from collections.abc import AsyncIterator, Awaitable, Callable
from enum import IntEnum
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from daemon.control import account_messages as a
from daemon.control import (
    accounts,
    act,
    audit,
    breakers,
    cache,
    consent,
    difference,
    explain,
    gateway,
    health,
    history,
    look,
    membership,
    outbox,
    passes,
    past,
    policies,
    providers,
    quarantine,
    records,
    relinking,
    replay,
    rollback,
    rotation,
    snapshots,
    versions,
)
from daemon.control import audit_messages as u
from daemon.control import consent_messages as c
from daemon.control import data_messages as d
from daemon.control import explain_messages as e
from daemon.control import gateway_messages as g
from daemon.control import history_messages as t
from daemon.control import messages as m
from daemon.control import outbox_messages as o
from daemon.control import policy_messages as p
from daemon.control import provider_messages as v
from daemon.control import quarantine_messages as h
from daemon.control import replay_messages as q
from daemon.control import rollback_messages as b
from daemon.control import rotation_messages as r
from daemon.control import snapshot_messages as s
from daemon.control.desk import Desk
from daemon.control.http_server import BODY_BYTES_MAX
from events.terms import Caller


class Role(IntEnum):
    """Each role may do what the ones before it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


class Operation(Struct, frozen=True, kw_only=True):
    """One thing that can be asked. GET takes its arguments from the query, POST from the body.

    The body has at most `bytes_max` bytes. What comes from the World alone can be asked `as_of`
    then, too: by one more argument, `at`, an event's number or a time.
    """

    name: str
    method: Literal["GET", "POST"]
    role: Role
    takes: type[Struct]
    gives: type[Struct]
    call: Callable[[Desk, Any, Caller], Awaitable[Struct]]
    bytes_max: int = BODY_BYTES_MAX
    as_of: bool = False


class Stream(Struct, frozen=True, kw_only=True):
    """One thing that can be followed, as server-sent events of `gives`."""

    name: str
    role: Role
    takes: type[Struct]
    gives: type[Struct]
    open: Callable[[Desk, Any], Awaitable[AsyncIterator[Struct]]]


def _get(
    name: str, takes: type[Struct], gives: type[Struct], call: Any, role: Role = Role.VIEWER
) -> Operation:
    return Operation(name=name, method="GET", role=role, takes=takes, gives=gives, call=call)


def _past(name: str, takes: type[Struct], gives: type[Struct], call: Any) -> Operation:
    """What can also be asked as of then."""
    return replace(_get(name, takes, gives, call), as_of=True)


def _post(
    name: str,
    role: Role,
    takes: type[Struct],
    call: Any,
    gives: type[Struct] = m.Done,
    *,
    bytes_max: int = BODY_BYTES_MAX,
) -> Operation:
    return Operation(
        name=name,
        method="POST",
        role=role,
        takes=takes,
        gives=gives,
        call=call,
        bytes_max=bytes_max,
    )


OPERATIONS = (
    _past("status", m.Nothing, m.Status, look.status),
    _past("queue", m.Nothing, m.Queue, look.queue),
    _past("connections", m.Nothing, m.Connections, look.connections),
    _past("connection", m.ConnectionName, m.ConnectionAnswer, look.connection),
    _past("providers", m.Nothing, v.Providers, providers.providers),
    _past("explain", e.ExplainQuery, e.Explanation, explain.explain),
    _get("log", m.LogQuery, m.Events, look.log),
    _get("log-stats", m.Nothing, m.LogStats, look.log_stats),
    _get("audit-reads", u.ReadsQuery, u.TenantReads, audit.reads),
    _past("consent", c.ConsentOf, c.ConsentAnswer, consent.show),
    _post("consent-grant", Role.ADMIN, c.ConsentWish, consent.grant),
    _post("consent-withdraw", Role.ADMIN, c.ConsentWish, consent.withdraw),
    _get("snapshots", m.Nothing, s.SnapshotList, snapshots.list_),
    _post("snapshot-take", Role.OPERATOR, m.Nothing, snapshots.take, s.SnapshotTaken),
    _get("data", d.DataQuery, d.Data, records.data),
    _get("data-versions", d.DataVersionsQuery, d.DataVersions, versions.listing),
    _get("data-diff", d.DataDiffQuery, d.DataDiff, versions.diff),
    _past("policy", p.PolicyOf, p.PolicyAnswer, policies.show),
    _past("breakers", m.Nothing, p.Breakers, breakers.show),
    _past("schedule", r.Whose, r.Schedule, rotation.schedule),
    _get("process-queue", r.ProcessQueue, r.Processed, rotation.process_queue, Role.OPERATOR),
    _past(
        "get-next-rotation-provider",
        r.TenantName,
        r.NextRotation,
        rotation.get_next_rotation_provider,
    ),
    _past(
        "calculate-connection-health-score",
        r.OfProvider,
        r.HealthScore,
        health.calculate_connection_health_score,
    ),
    _past("get-sync-system-health", r.Whose, r.SystemHealth, health.get_sync_system_health),
    _past("analyze-sync-health", r.Whose, r.HealthAnalysis, health.analyze_sync_health),
    _get("get-sync-health-history", t.HistoryQuery, t.History, history.get_sync_health_history),
    _get("diff", q.DiffQuery, q.Difference, difference.diff),
    _post("check-health", Role.VIEWER, r.TenantProvider, health.check_health, r.HealthMetrics),
    _post(
        "schedule-rotation", Role.OPERATOR, r.TenantName, rotation.schedule_rotation, r.ScheduleId
    ),
    _post(
        "schedule-next-rotation",
        Role.OPERATOR,
        r.TenantName,
        rotation.schedule_rotation,
        r.ScheduleId,
    ),
    _post("execute-sync", Role.OPERATOR, r.OfProvider, rotation.execute_sync, r.QueueId),
    _post(
        "enqueue-sync-with-failover",
        Role.OPERATOR,
        r.Enqueue,
        rotation.enqueue_sync_with_failover,
        r.QueueId,
    ),
    _post("policy-set", Role.OPERATOR, p.PolicyWish, policies.set_),
    _post("policy-reset", Role.OPERATOR, p.PolicyReset, policies.reset),
    _post("breaker-open", Role.ADMIN, p.BreakerOf, breakers.open_),
    _post("breaker-close", Role.ADMIN, p.BreakerOf, breakers.close),
    _post("breaker-reset", Role.ADMIN, p.BreakerOf, breakers.reset),
    _post("retry", Role.OPERATOR, p.RetryWish, act.retry),
    _post("sync", Role.OPERATOR, a.SyncWish, act.sync),
    _post("sync-all", Role.OPERATOR, a.SyncAllWish, passes.sync_all),
    _get("cache", g.CacheQuery, g.KeptAnswers, cache.show),
    _post("cache-drop", Role.OPERATOR, g.CacheOf, cache.drop, g.CacheDropped),
    _post(
        "request",
        Role.OPERATOR,
        g.RequestWish,
        gateway.request,
        g.RequestAnswer,
        bytes_max=g.REQUEST_BYTES_MAX,
    ),
    _past("outbox", o.OutboxQuery, o.Writes, outbox.show_all),
    _get("outbox-write", o.WriteName, o.WriteAnswer, outbox.show, Role.OPERATOR),
    _post("outbox-retry", Role.OPERATOR, o.WriteName, outbox.retry),
    _post("outbox-delivered", Role.OPERATOR, o.WriteName, outbox.delivered),
    _post("outbox-drop", Role.OPERATOR, o.WriteName, outbox.drop),
    _get("quarantine", h.QuarantineQuery, h.Doubts, quarantine.show_all),
    _get("quarantine-version", h.HeldName, h.DoubtAnswer, quarantine.show),
    _post("quarantine-accept", Role.OPERATOR, h.HeldName, quarantine.accept),
    _post("quarantine-drop", Role.OPERATOR, h.HeldName, quarantine.drop),
    _post("pause", Role.OPERATOR, m.ConnectionName, act.pause),
    _post("resume", Role.OPERATOR, m.ConnectionName, act.resume),
    _post("cancel", Role.OPERATOR, m.ConnectionName, act.cancel),
    _post("rollback", Role.OPERATOR, b.RollbackWish, rollback.rollback, b.RollbackAnswer),
    _post("rollback-preview", Role.VIEWER, b.PreviewWish, rollback.preview, b.Preview),
    _get("rollback-targets", b.TargetsQuery, b.Targets, rollback.targets, Role.ADMIN),
    _post("add", Role.ADMIN, m.NewConnection, membership.add),
    _post("relink", Role.ADMIN, v.RelinkWish, relinking.relink),
    _post("remove", Role.ADMIN, m.ConnectionName, membership.remove),
    _post("backfill", Role.OPERATOR, a.BackfillWish, past.backfill),
    _post(
        "authorize-begin", Role.ADMIN, a.AuthorizeWish, accounts.authorize_begin, a.AuthorizeBegun
    ),
    _post("authorize-finish", Role.ADMIN, a.AuthorizeAnswer, accounts.authorize_finish),
    _post("provider-client", Role.ADMIN, a.ProviderClient, accounts.provider_client),
    _post("vault-rotate", Role.ADMIN, m.Nothing, act.rotate_vault_key),
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
