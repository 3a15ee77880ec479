"""Does a tenant consent to detailed monitoring?"""

from pathlib import Path

import click

from daemon.cli import act, asof, client, screen, times, when, words
from daemon.cli.arguments import as_json, examples
from daemon.cli.lazy import LazyGroup
from daemon.control.consent_messages import ConsentAnswer, ConsentWish
from events.consent import Believed

PLACES = {
    "show": "daemon.cli.consent:show",
    "grant": "daemon.cli.consent:grant",
    "withdraw": "daemon.cli.consent:withdraw",
}
BELIEVED = {
    Believed.ASSUMED: "nothing was said; monitoring.consent in the configuration assumes it",
    Believed.REQUIRED: "nothing was said; monitoring.consent in the configuration requires it",
}

tenant = click.argument("tenant")
by = click.option(
    "--by",
    "said",
    metavar="WORDS",
    help="Who said so, and how, such as 'letter of 3 May'; kept in the vault, sealed.",
)


@click.group(cls=LazyGroup, places=PLACES)
def consent() -> None:
    """Show whether a tenant consents to detailed monitoring, and write down that it does, or not.

    Without consent nothing is kept of a tenant but what syncing goes by.
    """


@click.command(epilog=examples("rounds consent show acme", "rounds consent show acme --at -7d"))
@tenant
@when.at
@as_json
@click.pass_obj
def show(socket: Path | None, tenant: str, at: str | None, as_json: bool) -> None:
    """Show whether details of TENANT are kept, who said so, and when."""
    answer = client.reach(socket).get("consent", tenant=tenant, **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, ConsentAnswer)
    asof.say(at, found.seq, found.now)
    facts = [("details of it are", "kept" if found.monitored else "not kept")]
    if found.said is None or found.at is None:
        facts.append(("consent", BELIEVED[found.believed]))
    else:
        when_ = f"{times.local(found.at)}, event {found.event}"
        facts.append(("consent", f"{found.said}{words.by(found.by)}, {when_}"))
    if found.words:
        facts.append(("in words", found.words))
    screen.show(screen.pairs(*facts))


@click.command(
    epilog=examples(
        "rounds consent grant acme", "rounds consent grant acme --by 'A. Acme, letter of 3 May'"
    )
)
@tenant
@by
@as_json
@click.pass_obj
def grant(socket: Path | None, tenant: str, said: str | None, as_json: bool) -> None:
    """Write down that TENANT consents."""
    answer = client.reach(socket).post("consent-grant", ConsentWish(tenant=tenant, words=said))
    act.done(answer, tenant, as_json=as_json)


@click.command(epilog=examples("rounds consent withdraw acme --by 'by telephone, 3 May'"))
@tenant
@by
@as_json
@click.pass_obj
def withdraw(socket: Path | None, tenant: str, said: str | None, as_json: bool) -> None:
    """Write down that TENANT does not consent any more, and delete the details kept of it."""
    answer = client.reach(socket).post("consent-withdraw", ConsentWish(tenant=tenant, words=said))
    act.done(answer, tenant, as_json=as_json)
