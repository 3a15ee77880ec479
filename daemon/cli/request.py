"""How does one call a provider through the daemon, with a token that one never sees?"""

import math
import re
from datetime import timedelta
from pathlib import Path

import click

from daemon.cli import arguments, client, content, screen, times
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import ANSWER_S, Unheard
from daemon.cli.ending import Ended, Exit
from daemon.control.gateway_messages import (
    DEADLINE_S_MAX,
    KEY,
    PATH_CHARACTERS_MAX,
    RequestAnswer,
    RequestWish,
)
from daemon.exchange import READS

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
DOUBT = "the write may have arrived, or not"
LOOK = "look there before you write it again"
LOOK_IN_OUTBOX = "look there, and what `rounds outbox list` shows, before you write it again"
SAME_KEY = "it may be written again, with the same --key"


def _number(ctx: click.Context, option: click.Parameter, given: float) -> float:
    """A range lets through what is no number: it is neither too small nor too large."""
    if math.isnan(given):
        raise click.BadParameter(f"{given} is not a number of seconds", ctx, option)
    return given


@click.command(
    epilog=examples(
        "rounds request acme/github GET /user/repos?per_page=5",
        "rounds request acme/finale POST /orders --data @order.json "
        "--header 'Content-Type: application/json'",
        "rounds request acme/shop GET /labels/7.pdf --output label.pdf",
    )
)
@arguments.connection
@click.argument("method", type=click.Choice(METHODS, case_sensitive=False), metavar="METHOD")
@click.argument("path")
@click.option(
    "--data",
    metavar="TEXT|@FILE|@-",
    help="The body: a text, a file or standard input (also -), sent byte for byte; at most 1 MiB.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME:VALUE",
    help="May be repeated. A body has no Content-Type but the one that is given here.",
)
@content.output
@click.option(
    "--kind",
    type=click.Choice(["read", "write", "rpc", "auth"]),
    help="What the call is, where METHOD does not tell: a read may be sent again, a write waits in "
    "the outbox while the provider is down; rpc and auth do neither. Limits go by it too.",
)
@click.option(
    "--key",
    help="An idempotency key: with it a write may be sent again. The provider's file must name "
    "the header for it (idempotency_header).",
)
@click.option("--fresh", is_flag=True, help="No kept answer will do: the provider has to answer.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, DEADLINE_S_MAX, min_open=True),
    callback=_number,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long all of it may take, attempts and waiting included.",
)
@click.option(
    "--no-queue",
    is_flag=True,
    help="Fail where the provider is down, rather than deliver a write later.",
)
@as_json
@click.pass_obj
def request(
    socket: Path | None,
    connection: str,
    method: str,
    path: str,
    *,
    data: str | None,
    headers: tuple[str, ...],
    output: Path | None,
    kind: str | None,
    key: str | None,
    fresh: bool,
    timeout_s: float,
    no_queue: bool,
    as_json: bool,
) -> None:
    """Make one call as CONNECTION, and print what its provider answers.

    METHOD is GET, HEAD, POST, PUT, PATCH or DELETE. The body goes to standard output as it came,
    what is said about it to standard error. A terminal shows text alone: save other bytes with
    --output, or pipe them on. A status of 400 or more, or whatever else is not an answer of use,
    ends with exit code 1. A write that its provider does not take, since it is down, is queued on
    disk (202) and delivered once it is back; `rounds outbox` shows it.
    """
    _check(path, key)
    wish = RequestWish(
        connection=connection,
        method=method.upper(),  # type: ignore[arg-type]  # click has checked it
        path=path,
        headers=dict(map(_header, headers)),
        kind=kind,  # type: ignore[arg-type]
        key=key,
        timeout_s=timeout_s,
        fresh=fresh,
        queue=not no_queue,
        **({} if data is None else content.fields(content.read(data))),  # type: ignore[arg-type]
    )
    content.check(output)
    daemon = client.reach(socket)
    try:
        answer = daemon.post("request", wish, timeout_s + ANSWER_S)
    except Unheard as ended:
        raise _doubtful(ended, wish) from None
    found = client.read(answer, RequestAnswer)
    if as_json:
        screen.document(answer)
    else:
        _tell(found)
    if found.write is None and (output or not as_json):
        content.put(content.whole(found.body, found.body_base64), output)
    if found.status >= 400 or found.cause is not None:
        raise click.exceptions.Exit(Exit.FAILED)


def _check(path: str, key: str | None) -> None:
    """Raise Ended for what the daemon would refuse, in the words of its schema."""
    if len(path) > PATH_CHARACTERS_MAX:
        most = f"at most {PATH_CHARACTERS_MAX:,} characters, its query included"
        raise Ended(Exit.USAGE, f"nothing was sent: a path has {most}; this one has {len(path):,}")
    if key is not None and not re.search(KEY, key):
        wants = "1 to 255 characters of plain ASCII, without spaces"
        raise Ended(Exit.USAGE, f"nothing was sent: a --key is {wants}; give it another one")


def _doubtful(ended: Ended, wish: RequestWish) -> Ended:
    """How it ends where nothing was heard of it: a write is not to be made again unseen."""
    reads = wish.method in READS if wish.kind is None else wish.kind == "read"
    if reads:
        return ended
    what_to_do = SAME_KEY if wish.key else LOOK_IN_OUTBOX if wish.queue else LOOK
    said = ended.message.removesuffix("; try again")
    exit_ = Exit.FAILED if ended.exit is Exit.NOT_RUNNING else ended.exit
    return Ended(exit_, f"{said}; {DOUBT}: {what_to_do}")


def _tell(found: RequestAnswer) -> None:
    """What there is to be said beside its body."""
    if found.write is not None:
        click.echo(f"{found.status} {found.message}", err=True)
        return
    again = f", {times.count(found.attempts, 'attempt')}" if found.attempts > 1 else ""
    kind = screen.printable(found.headers.get("content-type", "no content type"))
    took = times.milliseconds(found.duration_ms)
    click.echo(f"{found.status} {_origin(found)} in {took}{again}; {kind}", err=True)
    if found.message:
        click.echo(found.message, err=True)


def _origin(found: RequestAnswer) -> str:
    """Where the answer comes from, and how old it is."""
    if found.source == "shared":
        return "from the provider, for all who asked the same,"
    if found.age_s is None:
        return f"from the {found.source}"
    age = times.about(timedelta(seconds=found.age_s))
    why = f" ({found.why})" if found.why else ""
    return f"from the {found.source}, {age} old" + (
        f", no longer fresh{why}," if found.stale else ","
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise Ended(Exit.USAGE, f"{text!r} is not NAME:VALUE")
    return name.strip(), value.strip()
