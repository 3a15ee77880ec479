"""Which providers are there, and as which application are we known to them?"""

import sys
from datetime import datetime
from pathlib import Path

import click
import msgspec

from daemon.cli import (
    act,
    arguments,
    asof,
    call_words,
    client,
    ending_words,
    screen,
    times,
    token_words,
    when,
)
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.credential import ask, given, options
from daemon.cli.ending import Ended, Exit
from daemon.cli.lazy import LazyGroup
from daemon.control.account_messages import OAuthView, ProviderClient
from daemon.control.provider_messages import Providers, ProviderView

PLACES = {
    "list": "daemon.cli.provider:list_",
    "show": "daemon.cli.provider:show",
    "client": "daemon.cli.provider:client_",
    "check": "daemon.cli.provider_check:check",
}
AUTHS = {
    "none": "no credential is needed",
    "api_key": "a key",
    "basic": "user:password, as HTTP Basic",
}


@click.group(cls=LazyGroup, places=PLACES)
def provider() -> None:
    """List, show and check providers, and set our client."""


@click.command(
    epilog=examples(
        "rounds provider list",
        "rounds provider list --json | jq -r '.providers[] | select(.own).provider'",
    )
)
@when.at
@as_json
@click.pass_obj
def list_(socket: Path | None, at: str | None, as_json: bool) -> None:
    """List all providers: shipped ones, and your own.

    With --at, those that were in use, or had a file of your own, with the streams that they had
    then; where their file is from, and how one is authorised there, is told as it is now.
    """
    answer = client.reach(socket).get("providers", **asof.query(at))
    if as_json:
        screen.document(answer)
        return
    told = client.read(answer, Providers)
    asof.say(at, told.seq, told.now)
    found = told.providers
    table = screen.table(
        "provider",
        "from",
        "connections",
        "auth",
        "client",
        "streams",
        right=("connections",),
        folds=("streams",),
    )
    for each in found:
        table.add_row(
            each.provider,
            "own file" if each.own else "shipped",
            f"{each.connections:,}",
            "retired" if each.retired else each.auth,
            _client(each),
            ", ".join(each.streams),
            style="dim" if each.retired else "",
        )
    screen.show(table)
    for name, count in told.gone.items():
        screen.line(f"{name}, with {times.count(count, 'connection')}, has no file any more")


@click.command(epilog=examples("rounds provider show oura"))
@arguments.provider
@when.at
@as_json
@click.pass_obj
def show(socket: Path | None, name: str, at: str | None, as_json: bool) -> None:
    """Show what the provider NAME needs and gives.

    With --at, its streams, connections, calls and end as of then; the rest is as its file says it
    now.
    """
    told = _told(client.reach(socket), at)
    view = _find(told, name, at)
    if as_json:
        screen.document(msgspec.json.encode(view))
        return
    asof.say(at, told.seq, told.now)
    screen.show(screen.pairs(*_facts(view, told.now)))
    for each in view.calls.endpoints:
        screen.line()
        screen.show(screen.pairs(*call_words.endpoint(each, view.calls.stale_s).items()))


@click.command(
    "client",
    epilog=examples(
        "rounds provider client oura",
        "rounds provider client oura --client-id QX7TIQ --secret-file oura.secret",
        "pass show oura | rounds provider client oura --client-id QX7TIQ --secret-stdin",
    ),
)
@arguments.provider
@click.option("--client-id", metavar="ID", help="The id that the provider gave our application.")
@options("secret")
@click.option("--public", is_flag=True, help="The application has no secret.")
@as_json
@click.pass_obj
def client_(
    socket: Path | None,
    *,
    name: str,
    client_id: str | None,
    secret_stdin: bool,
    secret_file: Path | None,
    public: bool,
    as_json: bool,
) -> None:
    """Set our application's id and secret at NAME.

    As that application rounds speaks to the provider NAME. Both come from the provider's page for
    developers, where the redirect URI is to be registered too. The secret is asked for, or read
    from a file or from standard input. It is never an argument: those are seen by every user of
    the host, and kept in the shell's history.
    """
    if public and (secret_stdin or secret_file):
        raise Ended(Exit.USAGE, "an application with --public has no secret")
    secret = given(stdin=secret_stdin, file=secret_file, word="secret")
    daemon = client.reach(socket)
    view = _find(_told(daemon), name)
    if view.oauth is None:
        raise Ended(Exit.USAGE, f"{name} does not speak OAuth; it needs no client")
    if client_id is None:
        client_id = _asked_id(name, stdin=secret_stdin)
    if secret is None and not public and view.oauth.secret:
        secret = _asked_secret(name)
    wish = ProviderClient(provider=name, client_id=client_id, client_secret=secret)
    act.done(daemon.post("provider-client", wish), name, as_json=as_json)
    if view.oauth.grant == "authorization_code" and not as_json:
        screen.note(f"register this redirect URI at {name}: {view.oauth.redirect_uri}")


def _told(daemon: Client, at: str | None = None) -> Providers:
    return client.read(daemon.get("providers", **asof.query(at)), Providers)


def _find(told: Providers, name: str, at: str | None = None) -> ProviderView:
    view = next((each for each in told.providers if each.provider == name), None)
    if view is None and name in told.gone:
        raise Ended(Exit.NOT_FOUND, f"{name} has no file any more: the log alone knows of it")
    if view is None and at is not None:
        raise Ended(
            Exit.NOT_FOUND,
            f"there was no provider {name} in use at event {told.seq}; `rounds provider list` "
            "shows those there are",
        )
    if view is None:
        raise Ended(
            Exit.NOT_FOUND,
            f"there is no provider {name}; `rounds provider list` shows those there are",
        )
    return view


def _asked_id(name: str, *, stdin: bool) -> str:
    if stdin or not sys.stdin.isatty():
        raise Ended(Exit.USAGE, f"give the id of our application at {name} with --client-id")
    answer: str = click.prompt(f"Client id at {name}", err=True)
    return answer


def _asked_secret(name: str) -> str:
    if not sys.stdin.isatty():
        raise Ended(
            Exit.USAGE,
            f"give the secret of our application at {name} with --secret-stdin or --secret-file, "
            "or say --public where it has none",
        )
    secret = ask(f"Client secret at {name} (hidden)")
    if not secret:
        raise Ended(Exit.USAGE, "nothing was set; an application without a secret is --public")
    return secret


def _client(view: ProviderView) -> str:
    if view.client is None or view.retired:
        return ""
    return "set" if view.client else "not set"


def _facts(view: ProviderView, now: datetime) -> list[tuple[str, str]]:
    facts = [("provider", view.provider + (f" ({view.title})" if view.title else ""))]
    if view.retirement is not None:
        facts += ending_words.facts(view.retirement, now)
    elif view.successor is not None:
        facts.append(("successor", view.successor))
    facts += [
        ("from", "a file of your own" if view.own else "shipped with rounds"),
        ("address", view.base_url),
        ("auth", token_words.grant(view.oauth.grant) if view.oauth else AUTHS[view.auth]),
    ]
    facts += _oauth(view, view.oauth) if view.oauth and not view.retired else []
    facts += [
        (f"setting {name}", token_words.setting(each.title, each.choices, each.default))
        for name, each in view.settings.items()
    ]
    streams = ", ".join(f"{name} ({mode})" for name, mode in view.modes.items())
    facts += [("streams", streams), ("connections", f"{view.connections:,}")]
    words = {**call_words.limits(view.calls), **call_words.facts(view.calls)}
    facts += {**words, "pool": words["pool"] + _used(view)}.items()
    facts += _calls(view)
    return [*facts, ("documentation", view.documentation)] if view.documentation else facts


def _used(view: ProviderView) -> str:
    """How the pool was used since the daemon started, if it was."""
    pool = view.pool
    if not pool.calls:
        return ""
    waiting = f", {pool.waiting} waiting" if pool.waiting else ""
    return (
        f"; {times.count(pool.calls, 'call')} over {times.count(pool.opened, 'connection')} since"
        f" the start; {pool.open} open, {pool.under_way} in use{waiting}"
    )


def _calls(view: ProviderView) -> list[tuple[str, str]]:
    """What programs asked for in the last hour."""
    programs, facts = view.programs, []
    if programs is not None and programs.calls:
        mean = times.milliseconds(programs.mean_ms or 0)
        facts.append(
            (
                "programs",
                (
                    f"{times.count(programs.calls, 'call')} in the last hour,"
                    f" {programs.failed} failed, {programs.retries} were retries;"
                    f" {mean} each on average"
                ),
            )
        )
    return facts


def _oauth(view: ProviderView, oauth: OAuthView) -> list[tuple[str, str]]:
    unset = f"not set; type: rounds provider client {view.provider}"
    facts = [] if view.client is None else [("client", "set" if view.client else unset)]
    if oauth.grant == "authorization_code":
        facts.append(("redirect URI", f"{oauth.redirect_uri}, to be registered at the provider"))
    facts.append(("scopes", ", ".join(oauth.scopes) or "none are asked for"))
    lives = token_words.lifetimes(
        oauth.grant,
        access_s=oauth.access_s,
        in_doubt=oauth.in_doubt,
        reuse_s=oauth.reuse_s,
        idle_days=oauth.idle_days,
    )
    return [*facts, *lives.items()]
