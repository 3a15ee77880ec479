"""Is a provider's file good, and does the provider answer as it declares?"""

from pathlib import Path

import click
import msgspec

from daemon.auth_file import NoAuth
from daemon.cli import provider_words, screen, times
from daemon.cli.arguments import as_json, examples
from daemon.cli.credential import credential_options, given, prompted
from daemon.cli.ending import Ended, Exit
from daemon.cli.first_page import FirstPage, fetch
from daemon.provider_file import ProviderFile, load
from daemon.secret import Secret
from daemon.strict_toml import ConfigurationError


@click.command(
    epilog=examples(
        "rounds provider check weather.toml",
        "rounds provider check orders.toml --try --credential-stdin < key.txt",
    )
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--try", "tries", is_flag=True, help="Fetch the first page of each stream.")
@credential_options
@as_json
def check(
    file: Path, tries: bool, credential_stdin: bool, credential_file: Path | None, as_json: bool
) -> None:
    """Check a provider's FILE and say what it makes rounds do. It needs no daemon.

    With --try the provider is asked for one page of each stream; nothing is stored.
    """
    try:
        provider = load(file)
    except ConfigurationError as error:
        raise Ended(Exit.USAGE, str(error)) from None
    secret = given(stdin=credential_stdin, file=credential_file)
    if tries and secret is None and not isinstance(provider.auth, NoAuth):
        secret = prompted(provider.name)
    if not as_json:
        _print(file, provider)
    pages = fetch(provider, Secret(secret) if secret else None) if tries else None
    if as_json:
        screen.document(msgspec.json.encode(_document(file, provider, pages)))
    elif pages is not None:
        for name, page in pages.items():
            _print_page(name, page)
    lost = [name for name, page in (pages or {}).items() if page.failure]
    if lost:
        raise Ended(Exit.FAILED, f"the provider did not answer as declared: {', '.join(lost)}")


def _print(file: Path, provider: ProviderFile) -> None:
    screen.line(f"{file}: good")
    screen.line()
    screen.show(screen.pairs(*provider_words.facts(provider).items()))
    for name, stream in provider.streams.items():
        screen.line()
        facts = provider_words.stream_facts(provider, name, stream)
        screen.show(screen.pairs(("stream", name), *facts.items()))


def _print_page(name: str, page: FirstPage) -> None:
    screen.line()
    if page.failure:
        screen.line(f"{name}: {page.failure}", "red")
        return
    more = ", and there are more pages" if page.more else ""
    took = times.milliseconds(page.duration_ms)
    screen.line(f"{name}: {times.count(page.records, 'record')} in {took}{more}")
    if page.fields:
        table = screen.table("field", "type")
        for field, kind in page.fields.items():
            table.add_row(screen.printable(field), kind)
        screen.show(table)


def _document(
    file: Path, provider: ProviderFile, pages: dict[str, FirstPage] | None
) -> dict[str, object]:
    streams = {
        name: provider_words.stream_facts(provider, name, stream)
        for name, stream in provider.streams.items()
    }
    facts = provider_words.facts(provider)
    return {"file": str(file), "good": True, **facts, "streams": streams, "tried": pages}
