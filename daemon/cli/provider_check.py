"""Is a provider's file good, and does the provider answer as it declares?"""

import os
import re
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

from daemon import configuration, places
from daemon.auth_file import NoAuth, OAuth2
from daemon.cli import arguments, call_words, provider_words, screen, stream_words, times
from daemon.cli.arguments import as_json, examples
from daemon.cli.credential import ask, credential_options, given
from daemon.cli.ending import Ended, Exit
from daemon.cli.first_page import FirstPage, Report, fetch
from daemon.control.provider_messages import CallsView
from daemon.provider_file import ProviderFile, load
from daemon.secret import Secret
from daemon.strict_toml import ConfigurationError

NAME = re.compile(r"[a-z][a-z0-9_]*")
CELL_MAX = 24  # characters of a report's value: enough to see of what kind it is
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def _complete(ctx: click.Context, _: click.Parameter, typed: str) -> "list[CompletionItem]":
    """The names of providers, and files."""
    from click.shell_completion import CompletionItem

    del ctx
    names = [CompletionItem(name) for name in _known() if name.startswith(typed)]
    return [*names, CompletionItem(typed, type="file")]


@click.command(
    epilog=examples(
        "rounds provider check weather.toml",
        "rounds provider check oura",
        "rounds provider check orders.toml --try --credential-stdin < key.txt",
        "rounds provider check dexcom --try --set host=sandbox-api.dexcom.com",
    )
)
@click.argument("file", shell_complete=_complete)
@click.option("--try", "tries", is_flag=True, help="Fetch the first page of each stream.")
@arguments.settings
@credential_options
@as_json
def check(
    *,
    file: str,
    tries: bool,
    settings: dict[str, str],
    credential_stdin: bool,
    credential_file: Path | None,
    as_json: bool,
) -> None:
    """Check a provider's FILE and say what it makes rounds do. It needs no daemon.

    Instead of a file, the name of a provider will do: one of your own, or one that ships with
    rounds. With --try the provider is asked for one page of each stream, or for today; nothing is
    stored. Where the provider speaks OAuth, the credential is an access token, or ID:SECRET where
    nobody is asked.
    """
    path, provider = _load(file)
    now = _now()
    values = _values(provider, settings, whole=tries)
    secret = given(stdin=credential_stdin, file=credential_file)
    if tries and secret is None and not isinstance(provider.auth, NoAuth):
        secret = _asked(provider)
    streams = {
        name: stream_words.facts(provider, name, stream, settings, now)
        for name, stream in provider.streams.items()
    }
    from daemon.control import declared

    calls = declared.calls(provider)
    if not as_json:
        _print(path, provider, calls, streams)
    pages = fetch(provider, Secret(secret) if secret else None, values, now) if tries else None
    if as_json:
        words = provider_words.facts(provider, calls)
        answer = {"file": str(path), "good": True, **words, "calls": calls, "streams": streams}
        screen.document(msgspec.json.encode({**answer, "tried": pages}))
    elif pages is not None:
        for name, page in pages.items():
            _print_page(name, page)
    lost = {name: page for name, page in (pages or {}).items() if page.failure}
    if lost:
        raise Ended(Exit.FAILED, _in_vain(lost))


def _load(named: str) -> tuple[Path, ProviderFile]:
    """The file of that path, or of that name. Raises Ended."""
    path = Path(named)
    if NAME.fullmatch(named) and not path.is_file():
        found = [directory / f"{named}.toml" for directory in _directories()]
        path = next((each for each in found if each.exists()), path)
        if not path.exists():
            known = ", ".join(_known())
            raise Ended(
                Exit.USAGE, f"{named} is neither a file nor a provider that is known ({known})"
            )
    try:
        return path, load(path)
    except ConfigurationError as error:
        raise Ended(Exit.USAGE, str(error)) from None


def _directories() -> list[Path]:
    """Where roundsd looks for providers, those of the user's own first."""
    return [places.find(os.environ).config.parent / "providers", configuration.SHIPPED]


def _known() -> list[str]:
    return sorted({file.stem for directory in _directories() for file in directory.glob("*.toml")})


def _now() -> datetime:
    from daemon.clock import SystemClock

    return SystemClock().now()


def _values(provider: ProviderFile, settings: Mapping[str, str], *, whole: bool) -> dict[str, str]:
    """The settings, over the file's own. Raises Ended where one is wrong, or is needed."""
    for name, value in settings.items():
        setting = provider.settings.get(name)
        if setting is None:
            known = ", ".join(provider.settings) or "none"
            raise Ended(Exit.USAGE, f"{provider.name} knows no setting {name} (known: {known})")
        if not setting.allows(value):
            choices = f"; it is one of {', '.join(setting.choices)}" if setting.choices else ""
            raise Ended(Exit.USAGE, f"the value of {name} is not allowed{choices}")
    defaults = {name: each.default for name, each in provider.settings.items()}
    found = {name: value for name, value in {**defaults, **settings}.items() if value is not None}
    missing = [name for name in provider.settings if name not in found]
    if whole and missing:
        lacks = ", ".join(_titled(provider, name) for name in missing)
        options = " ".join(f"--set {name}=…" for name in missing)
        raise Ended(Exit.USAGE, f"to try {provider.name}, say {lacks}: add {options}")
    return found


def _titled(provider: ProviderFile, name: str) -> str:
    title = provider.settings[name].title
    return f"{name} ({title})" if title else name


def _asked(provider: ProviderFile) -> str | None:
    """Ask for what the provider wants, where somebody can be asked."""
    if not sys.stdin.isatty():
        screen.note(f"no credential was given for {provider.name}; --credential-stdin gives one")
        return None
    question = "Credential"
    if isinstance(provider.auth, OAuth2):
        by_itself = provider.auth.grant == "client_credentials"
        question = "Our application's ID:SECRET" if by_itself else "Access token"
    return ask(f"{question} for {provider.name} (hidden)") or None


def _in_vain(lost: Mapping[str, FirstPage]) -> str:
    asked = [name for name, page in lost.items() if page.asked]
    unasked = [name for name, page in lost.items() if not page.asked]
    said = [f"the provider did not answer as declared: {', '.join(asked)}"] if asked else []
    if unasked:
        said.append(f"the provider was not asked, see above: {', '.join(unasked)}")
    return "; ".join(said)


def _print(
    path: Path, provider: ProviderFile, calls: CallsView, streams: dict[str, dict[str, str]]
) -> None:
    screen.line(f"{path}: good")
    screen.line()
    screen.show(screen.pairs(*provider_words.facts(provider, calls).items()))
    for each in calls.endpoints:
        screen.line()
        screen.show(screen.pairs(*call_words.endpoint(each, calls.stale_s).items()))
    for name, facts in streams.items():
        screen.line()
        screen.show(screen.pairs(("stream", name), *facts.items()))


def _print_page(name: str, page: FirstPage) -> None:
    screen.line()
    of = f"{name} of {page.day}" if page.day else name
    if page.failure:
        screen.line(f"{of}: {page.failure}", "red")
        return
    more = ", and there are more pages" if page.more else ""
    took = times.milliseconds(page.duration_ms)
    screen.line(f"{of}: {times.count(page.records, 'record')} in {took}{more}")
    if page.report:
        _print_report(page.report, page.fields)
    elif page.fields:
        table = screen.table("field", "type")
        for field, kind in page.fields.items():
            table.add_row(screen.printable(field), kind)
        screen.show(table)


def _print_report(report: Report, fields: dict[str, str]) -> None:
    """A column a line: reports are wide, and a few rows say enough."""
    screen.line(f"written in {report.encoding}, delimited by {DELIMITERS[report.delimiter]}")
    rows = [f"row {number}" for number in range(1, len(report.first) + 1)]
    table = screen.table("column", "type", *rows, folds=("column",))
    for name, kind in fields.items():
        values = [_cell(record.get(name)) for record in report.first]
        table.add_row(screen.printable(name), kind, *values)
    screen.show(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    shown = text if len(text) <= CELL_MAX else f"{text[: CELL_MAX - 1]}…"
    return screen.printable(shown)
