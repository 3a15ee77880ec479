-- Once the events are there: what the design keeps up to date beside them, worked out in one go,
-- then the indexes, then what the planner wants to know.

INSERT INTO sync_health
SELECT e.user_id, e.source, count(*),
       count(*) FILTER (WHERE e.kind = 'sync-succeeded'),
       count(*) FILTER (WHERE e.kind = 'sync-failed'),
       count(*) FILTER (WHERE e.kind = 'sync-failed' AND e.id > coalesce(l.id, 0)),
       sum(e.duration_ms),
       max(e.at) FILTER (WHERE e.kind = 'sync-succeeded'),
       max(e.at) FILTER (WHERE e.kind = 'sync-failed')
FROM sync_events e
LEFT JOIN (
    SELECT source, max(id) AS id FROM sync_events WHERE kind = 'sync-succeeded' GROUP BY source
) l USING (source)
WHERE e.kind IN ('sync-succeeded', 'sync-failed')
GROUP BY e.user_id, e.source;

INSERT INTO sync_queue
SELECT DISTINCT ON (source) user_id, source, 'scheduled', due
FROM sync_events WHERE kind = 'sync-scheduled' ORDER BY source, id DESC;

INSERT INTO sync_queue
SELECT user_id, source, 'retry', due FROM (
    SELECT DISTINCT ON (source) user_id, source, due, kind
    FROM sync_events
    WHERE kind IN ('retry-scheduled', 'retries-ended') OR (kind = 'sync-started' AND attempt > 0)
    ORDER BY source, id DESC
) last WHERE kind = 'retry-scheduled';

ALTER TABLE sync_events ADD PRIMARY KEY (id);
CREATE INDEX sync_events_source ON sync_events (user_id, source, at);
CREATE INDEX sync_events_at ON sync_events USING brin (at);
CREATE INDEX sync_events_finished ON sync_events (user_id, at)
    INCLUDE (source, kind, cause, duration_ms, records, refreshes)
    WHERE kind IN ('sync-succeeded', 'sync-failed');
CREATE INDEX sync_events_failed ON sync_events (user_id, at) INCLUDE (source, cause)
    WHERE kind = 'sync-failed';
CREATE INDEX sync_events_succeeded ON sync_events (user_id, at) INCLUDE (source)
    WHERE kind = 'sync-succeeded';
CREATE INDEX sync_events_captured ON sync_events (user_id, source, stream, at) INCLUDE (added)
    WHERE kind = 'records-captured';
