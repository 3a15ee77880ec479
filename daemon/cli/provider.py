"""Which providers are there, and is this provider's file good?"""

from pathlib import Path

import click
import msgspec

from daemon.cli import client, screen
from daemon.cli.arguments import as_json, examples
from daemon.cli.ending import Ended, Exit
from daemon.cli.lazy import LazyGroup
from daemon.control.messages import Providers, ProviderView

PLACES = {
    "list": "daemon.cli.provider:list_",
    "show": "daemon.cli.provider:show",
    "check": "daemon.cli.provider_check:check",
}


@click.group(cls=LazyGroup, places=PLACES)
def provider() -> None:
    """List and show providers, and check their files."""


@click.command(epilog=examples("rounds provider list"))
@as_json
@click.pass_obj
def list_(socket: Path | None, as_json: bool) -> None:
    """List all providers."""
    answer = client.reach(socket).get("providers")
    if as_json:
        screen.document(answer)
        return
    found = client.read(answer, Providers).providers
    if not found:
        screen.line("there are no providers yet; put a file into providers/ and restart roundsd")
        return
    table = screen.table(
        "provider",
        "connections",
        "auth",
        "streams",
        "address",
        right=("connections",),
        folds=("streams", "address"),
    )
    for each in found:
        streams = ", ".join(each.streams)
        table.add_row(each.provider, f"{each.connections:,}", each.auth, streams, each.base_url)
    screen.show(table)


@click.command(epilog=examples("rounds provider show weather"))
@click.argument("name")
@as_json
@click.pass_obj
def show(socket: Path | None, name: str, as_json: bool) -> None:
    """Show the provider NAME."""
    found = client.read(client.reach(socket).get("providers"), Providers).providers
    view = next((each for each in found if each.provider == name), None)
    if view is None:
        raise Ended(
            Exit.NOT_FOUND,
            f"there is no provider {name}; `rounds provider list` shows those there are",
        )
    if as_json:
        screen.document(msgspec.json.encode(view))
    else:
        screen.show(screen.pairs(*_facts(view)))


def _facts(view: ProviderView) -> list[tuple[str, str]]:
    return [
        ("provider", view.provider),
        ("title", view.title or "none"),
        ("address", view.base_url),
        ("auth", view.auth),
        ("streams", ", ".join(view.streams)),
        ("connections", f"{view.connections:,}"),
    ]
