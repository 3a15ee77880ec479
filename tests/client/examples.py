"""How is each operation called from Python? Every one of these is run by a test."""

EXAMPLES = {
    # look
    "status": """
        status = await rounds.status()
        print(status.running, "run;", *status.trouble)
        then = await rounds.status(at=1)  # after the first event; or at=datetime(..., tzinfo=UTC)
        """,
    "queue": """
        for item in (await rounds.queue()).items:
            print(item.connection, item.status, item.next_start)
        """,
    "connections": """
        answer = await rounds.connections()
        print([each.connection for each in answer.connections if each.condition != "healthy"])
        """,
    "connection": """
        answer = await rounds.connection("acme/weather")
        print(answer.connection.score, answer.connection.next_start)
        """,
    "providers": """
        print([each.provider for each in (await rounds.providers()).providers])
        """,
    "explain": """
        why = await rounds.explain("acme/weather")
        print(why.condition, why.score.score if why.score else None)
        """,
    "schedule": """
        for row in (await rounds.schedule(tenant="acme")).rows:
            print(row.connection, row.next_start, row.held_by)
        """,
    "log": """
        last = await rounds.log(limit=5, connection="acme/weather")
        print([type(each.event).__name__ for each in last.events])
        """,
    "log-stats": """
        stats = await rounds.log_stats()
        print(stats.bytes, stats.types)
        """,
    "diff": """
        differs = await rounds.diff("1", connection="acme/weather")
        print([(each.path, each.after) for each in differs.fields])
        """,
    "read-model": """
        model = await rounds.read_model()
        print(model.path, model.position, model.upto)
        """,
    "read-model-rebuild": """
        print((await rounds.read_model_rebuild()).message)
        """,
    "snapshots": """
        print([each.snapshot for each in (await rounds.snapshots()).snapshots])
        """,
    "snapshot-take": """
        print((await rounds.snapshot_take()).message)
        """,
    # health
    "get-sync-system-health": """
        system = await rounds.get_sync_system_health()
        print(system.health, [each.sentence for each in system.reasons])
        """,
    "analyze-sync-health": """
        for each in (await rounds.analyze_sync_health(tenant="acme")).connections:
            print(each.connection, each.condition, each.success_rate)
        """,
    "get-sync-health-history": """
        for row in (await rounds.get_sync_health_history(tenant="acme", days=7)).rows:
            print(row.start, row.succeeded, row.failed, row.records)
        """,
    "get-retry-analytics": """
        for each in (await rounds.get_retry_analytics(tenant="acme")).classes:
            print(each.cause, each.failed, each.saved, each.wasted)
        """,
    "get-sync-health-status": """
        tenant = await rounds.get_sync_health_status("acme")
        print(tenant.health, tenant.score, tenant.last_sync)
        """,
    "get-queue-health-metrics": """
        queue = await rounds.get_queue_health_metrics(tenant="acme")
        print(queue.depth, queue.pending, queue.oldest_age_s)
        """,
    "check-health": """
        metrics = (await rounds.check_health("acme", provider="weather")).health_metrics
        print(metrics[0].total_syncs, metrics[0].uptime_percentage)
        """,
    "calculate-connection-health-score": """
        answer = await rounds.calculate_connection_health_score("acme", "weather")
        print(answer.health_score)
        """,
    "get-next-rotation-provider": """
        turn = await rounds.get_next_rotation_provider("acme")
        print(turn.provider, turn.at)
        """,
    "process-queue": """
        done = await rounds.process_queue(timeout_s=60)
        print(done.successful, done.failed, done.left)
        """,
    "schedule-rotation": """
        planned = await rounds.schedule_rotation("acme")
        print(planned.provider, planned.scheduled_at)
        """,
    "schedule-next-rotation": """
        planned = await rounds.schedule_next_rotation("acme")
        print(planned.schedule_id)
        """,
    "execute-sync": """
        print((await rounds.execute_sync("acme", "weather")).queue_id)
        """,
    "enqueue-sync-with-failover": """
        queued = await rounds.enqueue_sync_with_failover("acme", "weather", sync_type="manual")
        print(queued.priority)
        """,
    # trouble
    "failure-log": """
        for each in (await rounds.failure_log(tenant="acme", cause="server")).failures:
            print(each.event, each.request, each.status, each.message)
        """,
    "failure": """
        for each in (await rounds.failure_log(connection="acme/weather", limit=1)).failures:
            print((await rounds.failure("acme/weather", each.event)).excerpts)
        """,
    "issues": """
        for each in (await rounds.issues(tenant="acme")).issues:
            print(each.severity, each.name, each.sentence, each.command)
        """,
    "detect-sync-issues": """
        found = await rounds.detect_sync_issues("acme", 48, provider="weather")
        print([each.sentence for each in found.issues])
        """,
    "recommend": """
        for each in (await rounds.recommend(tenant="acme")).recommendations:
            print(each.connection, each.word, each.command, each.usual_since, each.usual_until)
        """,
    "drift": """
        for each in (await rounds.drift("acme/weather", stream="days")).streams:
            print(each.stream, each.verdict.word if each.verdict else "no whole day yet")
        """,
    "drift-backtest": """
        tried = await rounds.drift_backtest("acme/weather", days=90, threshold=5)
        print([(each.stream, each.judged, each.runs) for each in tried.streams])
        """,
    "calculate-data-drift": """
        data = await rounds.calculate_data_drift("acme", "weather/days")
        print([(each.stream, each.drift_percentage) for each in data.drifts])
        """,
    # consent
    "consent": """
        consent = await rounds.consent("acme")
        print(consent.monitored, consent.said, consent.words)
        """,
    "consent-grant": """
        await rounds.consent_grant("acme", words="signed on paper, kept with the contract")
        """,
    "consent-withdraw": """
        print((await rounds.consent_withdraw("acme", words="by phone")).message)
        """,
    "audit-reads": """
        told = await rounds.audit_reads(tenant="acme", limit=20)
        print([(each.at, each.uid, each.operations) for each in told.reads])
        """,
    # sources
    "sources": """
        for each in (await rounds.sources(tenant="alice")).sources:
            print(each.source, each.punctuality, each.queue_depth)
        """,
    "source": """
        answer = await rounds.source("alice/phone-calls")
        print(answer.source.due_at, [(each.day, each.records) for each in answer.days])
        """,
    "source-add": """
        await rounds.source_add("alice/uploads", pattern=Pattern.MANUAL)
        """,
    "source-set": """
        await rounds.source_set("alice/uploads", late_after="21d")
        """,
    "source-token": """
        given = await rounds.source_token("alice/uploads")
        print(len(given.token), "characters, which are told this once")
        """,
    "source-remove": """
        await rounds.source_remove("alice/uploads")
        """,
    "report": """
        metrics = Metrics(records=12, errors=0, queue_depth=3)
        told = Report(at=datetime.now(UTC), key="batch-7", metrics=metrics)
        print((await rounds.report("alice/phone-calls", [told])).message)
        """,
    "update-sync-health-metrics": """
        taken = await rounds.update_sync_health_metrics(
            "alice", "phone-calls", Metrics(syncs=1, records=40), key="batch-8"
        )
        print(taken.new, taken.known)
        """,
    "update-connection-health-status": """
        await rounds.update_connection_health_status(
            "alice", "phone-calls", Health.DEGRADED, item_count=3
        )
        """,
    "update-connection-health": """
        await rounds.update_connection_health("alice", "phone-calls", True, duration_ms=840)
        """,
    # act
    "sync": """
        done = await rounds.sync("acme/weather")
        print(done.message)
        """,
    "sync-all": """
        print((await rounds.sync_all(tenant="acme")).message)
        """,
    "retry": """
        print((await rounds.retry("acme/broken")).message)
        """,
    "pause": """
        await rounds.pause("acme/weather")
        """,
    "resume": """
        await rounds.resume("acme/weather")
        """,
    "cancel": """
        print((await rounds.cancel("acme/slow")).message)
        """,
    "backfill": """
        await rounds.backfill("acme/nights", date(2026, 1, 1), date(2026, 3, 31), batch=30)
        """,
    # settings
    "policy": """
        for each in (await rounds.policy(connection="acme/weather")).settings:
            print(each.name, each.value, each.source)
        """,
    "policy-set": """
        await rounds.policy_set({"interval": "2h"}, tenant="acme")
        """,
    "policy-reset": """
        await rounds.policy_reset(tenant="acme", names=["interval"])
        """,
    "breakers": """
        for each in (await rounds.breakers()).breakers:
            print(each.name, each.state, each.until)
        """,
    "breaker-open": """
        await rounds.breaker_open(provider="weather")
        """,
    "breaker-close": """
        await rounds.breaker_close(provider="weather")
        """,
    "breaker-reset": """
        await rounds.breaker_reset(connection="acme/weather")
        """,
    # connections
    "add": """
        await rounds.add("globex/weather", interval="1h")
        """,
    "relink": """
        told = await rounds.relink("acme/tracker", dry_run=True)
        print(told.message)
        """,
    "remove": """
        await rounds.remove("globex/weather")
        """,
    "provider-client": """
        await rounds.provider_client("health", "our-id", client_secret="s3cret")
        """,
    "authorize-begin": """
        begun = await rounds.authorize_begin("acme/health")
        print("open this in a browser:", begun.url)
        """,
    "authorize-finish": """
        begun = await rounds.authorize_begin("acme/health")
        print("open this in a browser:", begun.url)
        address = input("and paste the address that it ends at: ")
        await rounds.authorize_finish("acme/health", begun.state, address)
        """,
    "vault-rotate": """
        print((await rounds.vault_rotate()).message)
        """,
    # data
    "data": """
        page = await rounds.data("acme/weather", "days", limit=20)
        while page.after is not None:
            page = await rounds.data("acme/weather", "days", version=page.version, after=page.after)
        """,
    "data-versions": """
        kept = await rounds.data_versions("acme/weather", "days")
        print([(each.version, each.rows) for each in kept.versions])
        """,
    "data-diff": """
        differs = await rounds.data_diff("acme/weather", "days", summary=True)
        print(differs.added, differs.changed, differs.removed)
        """,
    "quarantine": """
        for each in (await rounds.quarantine()).doubts:
            print(each.connection, each.stream, each.message)
        """,
    "quarantine-version": """
        held = (await rounds.quarantine_version("acme/shrinking", "days")).held
        print(held.removed if held else "nothing is held")
        """,
    "quarantine-accept": """
        print((await rounds.quarantine_accept("acme/shrinking", "days")).message)
        """,
    "quarantine-drop": """
        print((await rounds.quarantine_drop("acme/shrinking", "days")).message)
        """,
    "rollback-preview": """
        kept = await rounds.data_versions("acme/weather", "days")
        seen = await rounds.rollback_preview("acme/weather", to=f"v{kept.versions[-1].version}")
        print([(each.stream, each.added, each.removed) for each in seen.streams])
        """,
    "rollback-targets": """
        print((await rounds.rollback_targets("1", tenant="acme")).connections)
        """,
    "rollback": """
        kept = await rounds.data_versions("acme/weather", "days")
        back = await rounds.rollback("acme/weather", to=f"v{kept.versions[-1].version}", wait=True)
        print(back.message)
        """,
    # gateway
    "request": """
        answer = await rounds.request("acme/weather", "/days?page=0", timeout_s=10)
        print(answer.status, answer.source, answer.body)
        """,
    "cache": """
        kept = await rounds.cache(connection="acme/weather")
        print([(each.path, each.use) for each in kept.answers])
        """,
    "cache-drop": """
        print((await rounds.cache_drop("acme/weather", path="/days")).answers)
        """,
    "outbox": """
        for each in (await rounds.outbox(connection="acme/orders")).writes:
            print(each.write, each.phase, each.held_by, each.due)
        """,
    "outbox-write": """
        waiting = (await rounds.outbox(connection="acme/orders")).writes
        print((await rounds.outbox_write(waiting[0].write)).body)
        """,
    "outbox-retry": """
        waiting = (await rounds.outbox(connection="acme/orders")).writes
        await rounds.outbox_retry(waiting[0].write)
        """,
    "outbox-delivered": """
        waiting = (await rounds.outbox(connection="acme/orders")).writes
        for each in waiting:
            if each.phase == "in-doubt":  # and the provider shows that it is there
                await rounds.outbox_delivered(each.write)
        """,
    "outbox-drop": """
        waiting = (await rounds.outbox(connection="acme/orders")).writes
        await rounds.outbox_drop(waiting[-1].write)
        """,
}
