"""What does each operation do? In one sentence, under the theme that it is found by.

The OpenAPI document and the Python client say the same.
"""

LOOK = {
    "status": "Look at the daemon at a glance: how many connections do what, and what troubles it.",
    "queue": "Look at what runs, what is due, and what comes next.",
    "connections": "Look at every connection.",
    "connection": "Look at one connection, with its streams.",
    "providers": "Look at every provider: what its file declares, and how many connections it has.",
    "explain": "Explain why a connection is as it is, or why one of its syncs went as it did.",
    "schedule": "Look at when each connection starts next, and what holds it back.",
    "log": "Read events of the log.",
    "log-stats": "Look at how large the log is, and how many events there are of each type.",
    "diff": "Compare two moments: what differs between them.",
    "read-model": "Look at the read model: which file it is, and up to which event it goes.",
    "read-model-rebuild": "Fill the read model anew from the log.",
    "snapshots": "List the snapshots that a start can begin at.",
    "snapshot-take": "Take a snapshot now.",
}
HEALTH = {
    "get-sync-system-health": "Look at how all is, or a tenant's part, in one word with reasons.",
    "analyze-sync-health": "Look at each connection's health, and at what its score is made of.",
    "check-health": "Look at the figures of a tenant's connections, of all providers or of one.",
    "calculate-connection-health-score": "Look at the score of a tenant's connection, 0 to 100.",
    "get-retry-analytics": "Look at what failures cost by class, and what retries saved or wasted.",
    "get-sync-health-history": "Look at what syncs, records, calls and tokens came to, day by day.",
    "get-sync-health-status": "Look at how a tenant's part is: its word, reasons, score, sources.",
    "get-queue-health-metrics": "Look at how the queue of syncs does, and that of writes.",
    "get-next-rotation-provider": "Look at which of a tenant's providers goes next, and when.",
    "process-queue": "Wait until all that is due now has ended, and count how it did.",
    "schedule-rotation": "Look at the event that planned a tenant's next turn, and at its time.",
    "schedule-next-rotation": "Look at the event that planned a tenant's next turn, as "
    "`schedule-rotation` does.",
    "execute-sync": "Sync a tenant's connection to a provider now.",
    "enqueue-sync-with-failover": "Queue a sync of that type; what fails is tried again, or failed "
    "over, as settings say.",
}
TROUBLE = {
    "failure-log": "Look at a tenant's or a connection's failures, one by one, the newest first.",
    "failure": "Look at one failure; operators and admins see what the provider said, redacted.",
    "issues": "Look at what is wrong: since when, what shows it, and the command that helps.",
    "detect-sync-issues": "Look for what is wrong with all that a tenant has, as things are now.",
    "recommend": "Look at which interval would find new data sooner, or with fewer calls.",
    "drift": "Look at how far what came, and how old it is, is off what is usual.",
    "drift-backtest": "Look at which days would have alarmed under other thresholds.",
    "calculate-data-drift": "Look at how many percent a tenant's data is off what was expected.",
}
CONSENT = {
    "consent": "Look at whether a tenant consents to detailed monitoring, and who says so.",
    "consent-grant": "Write down that a tenant consents: details are kept from now on.",
    "consent-withdraw": "Write down that a tenant consents no more: no details are kept.",
    "audit-reads": "Look at who was told of a tenant, or of anybody, and when.",
}
SOURCES = {
    "sources": "Look at what reports from outside: who is late, and what waits there.",
    "source": "Look at one source, with what it reported day by day.",
    "source-add": "Add a source, which reports from outside, by its pattern.",
    "source-set": "Change what is expected of a source.",
    "source-token": "Give a source a new token, which is told this once; an old one ends.",
    "source-remove": "Remove a source; its token ends.",
    "report": "Report for a source: all of it is taken, each report once, or nothing.",
    "update-sync-health-metrics": "Report figures of a tenant's source.",
    "update-connection-health-status": "Report how a tenant's data of a type was found to be.",
    "update-connection-health": "Report how a sync went that somebody outside made.",
}
ACT = {
    "sync": "Sync a connection now.",
    "sync-all": "Sync all connections now, or a tenant's, or a provider's, and sum them up.",
    "retry": "Try now what waits to be tried again, or what failed last.",
    "pause": "Pause a connection: nothing of it starts until it is resumed.",
    "resume": "Resume a connection that is paused.",
    "cancel": "Cancel a connection's sync that runs, or that was asked for.",
    "backfill": "Fetch days of the past, the newest first, some of them a sync.",
}
SETTINGS = {
    "policy": "Look at every setting that holds somewhere, and at who said so.",
    "policy-set": "Set settings for the fleet, a provider, a tenant or a connection.",
    "policy-reset": "Take back settings that were set by command.",
    "breakers": "Look at the breakers that are not closed, and at every provider's.",
    "breaker-open": "Open a breaker: nothing is asked behind it until it is closed.",
    "breaker-close": "Close a breaker.",
    "breaker-reset": "Close a breaker, and forget what it had counted.",
}
CONNECTIONS = {
    "add": "Add a connection; of one that is there, change what is given.",
    "relink": "Move a connection, with its past, to the provider that follows its own.",
    "remove": "Remove a connection.",
    "authorize-begin": "Begin to authorise a connection: say where a browser must go.",
    "authorize-finish": "Finish authorising a connection by what the browser brought back.",
    "provider-client": "Keep the id and secret of our own application at a provider.",
    "vault-rotate": "Seal every secret anew, under a new key.",
}
DATA = {
    "data": "Read records of a stream, by key: the current ones, or those of then.",
    "data-versions": "List a stream's versions, the newest first.",
    "data-diff": "Compare two versions of a stream.",
    "quarantine": "List the answers that were refused, or are held beside what is in force.",
    "quarantine-version": "Look at what is held of a stream, or at what was refused of it last.",
    "quarantine-accept": "Take over what is held of a stream, as a version of its own.",
    "quarantine-drop": "Give up what is held of a stream; what is in force stays.",
    "rollback": "Take a connection back to what it was: its data, or its state.",
    "rollback-preview": "Look at what going back would change; nothing is changed by that.",
    "rollback-targets": "List the connections that would go back to a moment.",
}
GATEWAY = {
    "request": "Make one call as a connection.",
    "cache": "Look at what is kept of answers to programs.",
    "cache-drop": "Give up kept answers of a connection: all, or those at a path and below it.",
    "outbox": "List the writes that wait for their provider.",
    "outbox-write": "Look at one write that waits, with all that is to be written.",
    "outbox-retry": "Try a write that waits again now; one in doubt is sent once more.",
    "outbox-delivered": "Say of a write in doubt that it did arrive.",
    "outbox-drop": "Give up a write that waits.",
}
FOLLOW = {
    "tail": "Follow the log, event by event.",
    "watch": "Follow one connection: its events, and between them how far its sync has come.",
    "replay": "Replay what happened between two moments, with what each event changed.",
}

THEMES = {
    "look": LOOK,
    "health": HEALTH,
    "trouble": TROUBLE,
    "consent": CONSENT,
    "sources": SOURCES,
    "act": ACT,
    "settings": SETTINGS,
    "connections": CONNECTIONS,
    "data": DATA,
    "gateway": GATEWAY,
    "follow": FOLLOW,
}
DOES = {name: does for said in THEMES.values() for name, does in said.items()}
THEME = {name: theme for theme, said in THEMES.items() for name in said}
