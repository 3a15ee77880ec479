"""How does a person authorise a connection, with a browser here or anywhere else?

    begin ─► address on the screen ─► consent ─┬─► redirect to our port ───┬─► finish ─► tokens
                                               └─► pasted into a terminal ─┘

Neither code nor state is ever shown: what is pasted is not echoed.
"""

import os
import select
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from daemon.cli import arguments, client, loopback, pasting, screen
from daemon.cli.arguments import as_json, examples
from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from daemon.cli.loopback import Loopback, Visit
from daemon.cli.pasting import Pasting
from daemon.control.account_messages import (
    AuthorizeAnswer,
    AuthorizeBegun,
    AuthorizeWish,
    OAuthView,
)
from daemon.control.messages import ConnectionAnswer, Done
from daemon.control.provider_messages import Providers

FINISH_S = 120.0  # the daemon asks the provider meanwhile, which takes at most its file's timeout
LOOK_S = 1.0  # how often visits that say nothing are hung up on

CLOSE = "You can close this window."
SILENT = (
    "the provider has not answered so far; `rounds connection show {connection}` says what comes "
    "of it"
)


class How(Struct, frozen=True, kw_only=True):
    """How the browser's answer is to come back: as the options of the command say."""

    port: int | None = None
    redirect_uri: str | None = None
    paste: bool = False
    browser: bool = False


@click.command(
    epilog=examples(
        "rounds connection authorize acme/oura",
        "rounds connection authorize acme/oura --port 9123 --browser",
        "rounds connection authorize acme/oura --paste",
        "rounds connection authorize acme/oura --redirect-uri https://example.org/oauth --paste",
    )
)
@arguments.connection
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Listen for the browser on this port of the host, 0 for any.  [default: 8723]",
)
@click.option(
    "--redirect-uri",
    metavar="URI",
    help="Send the browser there afterwards, as is registered at the provider.",
)
@click.option("--paste", is_flag=True, help="Do not listen: the address is pasted, or piped in.")
@click.option("--browser", is_flag=True, help="Open the browser of this desktop.")
@as_json
@click.pass_obj
def authorize(
    socket: Path | None,
    *,
    connection: str,
    port: int | None,
    redirect_uri: str | None,
    paste: bool,
    browser: bool,
    as_json: bool,
) -> None:
    """Authorise CONNECTION in a browser, at its provider.

    It prints the address to open, and waits until the browser comes back to this host, or until
    the address that it ended at is pasted here. What comes back is never shown.
    """
    how = How(port=port, redirect_uri=redirect_uri, paste=paste, browser=browser)
    run(client.reach(socket), connection, how, as_json=as_json)


def run(daemon: Client, connection: str, how: How, *, as_json: bool) -> None:
    """Begin, wait for the person, and finish. Raises Ended."""
    answer = daemon.get("connection", connection=connection)
    view = client.read(answer, ConnectionAnswer).connection
    uri = how.redirect_uri or _registered(daemon, view.provider)
    with ExitStack() as stack:
        listening = _listen(stack, uri, how)
        pasted = Pasting() if how.paste or sys.stdin.isatty() else None
        if pasted is None and listening is None and uri is not None:
            raise Ended(
                Exit.USAGE,
                f"the browser ends at {uri}, not on this host, and there is no terminal to paste "
                "its address into; add --paste, and give it on standard input",
            )
        if pasted is not None and sys.stdin.isatty():
            stack.enter_context(pasting.hidden())
        wish = AuthorizeWish(
            connection=connection, redirect_uri=listening.redirect_uri if listening else uri
        )
        begun = client.read(daemon.post("authorize-begin", wish), AuthorizeBegun)
        until = time.monotonic() + (begun.until - daemon.now()).total_seconds()
        _say(connection, begun, listening, pasted, as_json=as_json)
        if how.browser:
            _open(begun.url)
        visit, brought = _wait(connection, begun.state, listening, pasted, until)
        told = _finish(daemon, connection, begun.state, visit, brought)
    if as_json:
        screen.document(told)
        return
    screen.line(f"{connection}: {client.read(told, Done).message}", "green")
    if view.state != "paused":
        screen.remark(f"Follow it with `rounds log tail --connection {connection}`.")


def _registered(daemon: Client, provider: str) -> str | None:
    """Where the provider's file says that browsers come back to; None where it has no OAuth."""
    known = client.read(daemon.get("providers"), Providers).providers
    oauth: OAuthView | None = next(
        (each.oauth for each in known if each.provider == provider), None
    )
    return oauth.redirect_uri if oauth else None


def _listen(stack: ExitStack, uri: str | None, how: How) -> Loopback | None:
    here = uri is not None and loopback.is_loopback(uri)
    if how.port is not None and (how.paste or (uri is not None and not here)):
        raise Ended(
            Exit.USAGE,
            "with --paste, nothing listens on a --port"
            if how.paste
            else f"the browser ends at {uri}, not on this host: --port has no use",
        )
    if uri is None or not here or how.paste:
        return None
    return stack.enter_context(Loopback(uri, how.port))


def _say(
    connection: str,
    begun: AuthorizeBegun,
    listening: Loopback | None,
    pasted: Pasting | None,
    *,
    as_json: bool,
) -> None:
    """The address alone goes to standard output, on a line of its own, whole."""
    if as_json:
        shown = {"connection": connection, "url": begun.url, "redirect_uri": begun.redirect_uri}
        screen.document(msgspec.json.encode({**shown, "until": begun.until}))
    else:
        screen.remark(f"Open this address in a browser, and allow {connection} there:")
        screen.remark("")
        screen.line(begun.url)
        screen.remark("")
    if listening is None:
        screen.remark("Then paste here the address that the browser ends at. It is not shown.")
    elif pasted is None:
        screen.remark(f"Waiting for the browser to come back to port {listening.port} here.")
    else:
        screen.remark(_elsewhere(listening.port))


def _elsewhere(port: int) -> str:
    """What to do where the browser cannot reach this host's loopback."""
    paste = "paste here the address that it ends at (not shown)"
    # SSH_CONNECTION: the other end's address and port, then this host's (ssh(1)).
    match os.environ.get("SSH_CONNECTION", "").split():
        case [_, _, address, ssh]:
            at = f"{os.environ.get('USER', 'you')}@{address}"
            forward = f"ssh -L {port}:127.0.0.1:{port} {f'-p {ssh} ' if ssh != '22' else ''}{at}"
            return (
                f"You are here over SSH: your browser cannot come back to port {port} of this "
                f"host. So {paste}, or first type over there: {forward}"
            )
    return (
        f"Waiting for the browser to come back to port {port} of this host. If it runs on another "
        f"one, {paste}, or first type over there: ssh -L {port}:127.0.0.1:{port} THIS-HOST"
    )


def _wait(
    connection: str, state: str, listening: Loopback | None, pasted: Pasting | None, until: float
) -> tuple[Visit | None, str]:
    """What came first: the browser, with its visit, or what was pasted."""
    while (left := until - time.monotonic()) > 0:
        wires = listening.wires if listening else []
        terminal = [pasted] if pasted and not pasted.over else []
        if not wires and not terminal:
            raise Ended(Exit.FAILED, f"nothing of use was pasted, so {connection} is as it was")
        waited_for: list[socket.socket | Pasting] = [*wires, *terminal]
        ready, _, _ = select.select(waited_for, [], [], min(left, LOOK_S))
        for wire in wires if listening else []:
            if wire in ready and listening:
                found = listening.take(wire, lambda query: pasting.is_ours(query, state))
                if found is not None:
                    return found
        for line in pasted.take() if pasted and pasted in ready else []:
            wrong = pasting.wrong(line, state)
            if wrong is None:
                return None, line
            screen.remark(wrong)
        if listening:
            listening.tidy()
    raise Ended(
        Exit.TIMED_OUT,
        f"nobody came back in time, so {connection} is as it was; begin again with "
        f"`rounds connection authorize {connection}`",
    )


def _finish(daemon: Client, connection: str, state: str, visit: Visit | None, answer: str) -> bytes:
    """Hand it over, and show the browser what came of it. Raises Ended."""
    wish = AuthorizeAnswer(connection=connection, state=state, answer=answer)
    try:
        told = daemon.post("authorize-finish", wish, FINISH_S)
    except Ended as ended:
        lost = ended
        if ended.exit is Exit.TIMED_OUT:
            lost = Ended(Exit.TIMED_OUT, SILENT.format(connection=connection))
        if visit is not None:
            visit.show("200 OK", f"{connection} is not authorised", f"{lost.message}. {CLOSE}")
        raise lost from None
    if visit is not None:
        visit.show("200 OK", f"{connection} is authorised", CLOSE)
    return told


def _open(url: str) -> None:
    """Start the browser that the desktop prefers; whoever has none opens the address otherwise."""
    import shlex
    import shutil
    import subprocess

    named = shlex.split(os.environ.get("BROWSER", "").split(os.pathsep)[0])
    desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    command = named or (["xdg-open"] if desktop else [])
    if not command or shutil.which(command[0]) is None:
        screen.note("there is no browser to start from here; open the address yourself")
        return
    placed = [part.replace("%s", url) for part in command]
    subprocess.Popen(  # noqa: S603 - the person's own browser, as their environment names it
        placed if placed != command else [*command, url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
