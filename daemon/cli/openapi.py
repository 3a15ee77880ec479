"""How is the API described to a program's tools, where no daemon runs?"""

from importlib.metadata import version

import click
import msgspec

from daemon.cli import screen
from daemon.cli.arguments import as_json, examples


@click.command(
    epilog=examples(
        "rounds openapi > rounds.json",
        "npx openapi-typescript rounds.json -o rounds.ts",
    )
)
@as_json
def openapi(as_json: bool) -> None:
    """Print the OpenAPI document of the daemon's API, as JSON; no daemon need run.

    A daemon that runs gives its own at /v1/openapi.json.
    """
    from daemon.control import openapi as described
    from daemon.control.operations import OPERATIONS, STREAMS
    from daemon.control.server import STATUS

    del as_json  # there is nothing else that it could print
    document = described.document(OPERATIONS, STREAMS, version("rounds"), STATUS)
    screen.document(msgspec.json.encode(document))
