"""Which commands are there?"""

from pathlib import Path

import click

from daemon.cli.arguments import examples
from daemon.cli.lazy import LazyGroup

PLACES = {
    "status": "daemon.cli.look:status",
    "queue": "daemon.cli.look:queue",
    "schedule": "daemon.cli.schedule:schedule",
    "health": "daemon.cli.health:health",
    "history": "daemon.cli.history:history",
    "failures": "daemon.cli.failures:failures",
    "issues": "daemon.cli.issues:issues",
    "drift": "daemon.cli.drift:drift",
    "recommend": "daemon.cli.recommend:recommend",
    "explain": "daemon.cli.explain:explain",
    "sync": "daemon.cli.sync:sync",
    "backfill": "daemon.cli.past:backfill",
    "pause": "daemon.cli.act:pause",
    "resume": "daemon.cli.act:resume",
    "cancel": "daemon.cli.act:cancel",
    "retry": "daemon.cli.act:retry",
    "rollback": "daemon.cli.rollback:rollback",
    "request": "daemon.cli.request:request",
    "cache": "daemon.cli.cache:cache",
    "outbox": "daemon.cli.outbox:outbox",
    "breaker": "daemon.cli.breaker:breaker",
    "policy": "daemon.cli.policy:policy",
    "connection": "daemon.cli.connection:connection",
    "provider": "daemon.cli.provider:provider",
    "source": "daemon.cli.source:source",
    "report": "daemon.cli.report:report",
    "data": "daemon.cli.data:data",
    "sql": "daemon.cli.sql:sql",
    "log": "daemon.cli.log:log",
    "consent": "daemon.cli.consent:consent",
    "audit": "daemon.cli.audit:audit",
    "replay": "daemon.cli.replay:replay",
    "diff": "daemon.cli.diff:diff",
    "snapshot": "daemon.cli.snapshot:snapshot",
    "call": "daemon.cli.call:call",
    "config": "daemon.cli.config:config",
    "openapi": "daemon.cli.openapi:openapi",
    "vault": "daemon.cli.vault:vault",
    "completion": "daemon.cli.completion:completion",
    "demo": "daemon.cli.demo:demo",
}


EXAMPLES = examples("rounds status", "rounds sync acme/weather --wait", "rounds log tail")
EXITS = """\b
Exit codes:
  0 done          1 failed                2 wrong usage   3 not found
  4 not allowed   5 daemon not running    6 timed out"""


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"rounds {version('rounds')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    places=PLACES,
    epilog=f"{EXAMPLES}\n\n{EXITS}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--socket",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The daemon's control socket, where it is not found by itself.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
@click.pass_context
def rounds(ctx: click.Context, socket: Path | None) -> None:
    """Keep connections to providers synced, and see how they do.

    A connection is named tenant/provider, or tenant/provider/account. Every command takes --json.
    """
    ctx.obj = socket
