"""Whose connections does a line mean: everybody's, a tenant's, one?"""

import click

from daemon.cli.arguments import known

whose = click.argument(
    "whose", required=False, metavar="[TENANT[/PROVIDER...]]", shell_complete=known
)


def query(whose: str | None) -> dict[str, str | int | None]:
    """The same as the daemon is asked."""
    if whose is None:
        return {}
    tenant, _, provider = whose.partition("/")
    return {"tenant": tenant, "provider": provider or None}
