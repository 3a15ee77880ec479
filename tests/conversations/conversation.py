"""In which form is a conversation with a provider written down?

One TOML file beside this one for each provider file of the same name. It tells the life of one
connection, sync after sync:

    shows = ["A20", "C2"]              # rows of the requirements
    interval = "15m"                   # the connection's own
    credential = "CLIENT:HUSH"         # user:password, a key, or the application's id:secret
    settings = {account = "example"}

    [authorise]                        # OAuth with a person's consent, and only there
    url = "https://…"                  # where the person is sent, without the query
    query = {…}

    [[syncs]]
    title = "the first sync finds two pages"
    now = 2026-11-21T12:00:00Z         # when it runs; it must be due by then
    days = 1                           # instead of what the provider's file says, for each window

    [[syncs.exchanges]]                # in the order in which they must come
    request = "GET https://…"          # the address in full, without the query
    query = {…}                        # these pairs and no others
    headers = {authorization = "…"}    # these headers, others may come with them
    form = {…}                         # the body, as a form: these pairs and no others
    body = '''{…}'''                   # or as JSON, or as a table
    status = 200
    answer_headers = {…}
    answer = '''{…}'''                 # the body as it comes, JSON unless the headers say other

    [syncs.outcome]
    cause = "auth"                     # of a sync that failed; without it the sync succeeded
    failures = [{stream = "…", cause = "…", status = 503, day = 2026-11-20, retry_after_s = 60}]
    records = {days = '''[{…}]'''}     # all of each stream; one that is not named is as it was
    grant = {phase = "good", access = "…", refresh = "…", expires_at = …}
    events = ["sync-started", …]       # of the connection, from the start of the sync on; how much
                                       # of its limits was used is not told
    due = 2026-11-21T12:15:00Z         # when the next one is

A text that is said more than once may stand under `texts`; in the table of a body, `"$name"` stands
for it. What a person brings back is CODE, with the STATE and the VERIFIER below.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from daemon import strict_toml
from events.terms import FailureClass, NeedReason
from projections.grant import Phase

CODE = "CODE-0123456789"
STATE = "STATE-0123456789"
VERIFIER = "VERIFIER-0123456789-0123456789-0123456789-0123456789"
REDIRECT_URI = "http://127.0.0.1:49152/callback"  # where the file says none

DIRECTORY = Path(__file__).parent


class Written(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every table of the file is: strict, and silent about defaults when it is shown."""


class Exchange(Written, frozen=True, kw_only=True):
    """One request, and the answer to it."""

    request: str
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    form: dict[str, str] | None = None
    body: str | dict[str, Any] | None = None
    status: int = 200
    answer_headers: dict[str, str] = {}
    answer: str = ""


class Failure(Written, frozen=True, kw_only=True):
    """One stream, or a day of it, that ended badly; no stream: the sync got to none."""

    stream: str = ""
    cause: FailureClass
    status: int | None = None
    day: date | None = None
    retry_after_s: float | None = None


class Grant(Written, frozen=True, kw_only=True):
    """How the grant stands, and the pair of tokens in the vault."""

    phase: Phase
    access: str
    refresh: str | None = None
    expires_at: datetime
    reason: NeedReason | None = None


class Outcome(Written, frozen=True, kw_only=True):
    """What came of a sync."""

    cause: FailureClass | None = None
    failures: tuple[Failure, ...] = ()
    records: dict[str, str] = {}
    grant: Grant | None = None
    events: tuple[str, ...]
    due: datetime


class Sync(Written, frozen=True, kw_only=True):
    """With `breaker_closed`, somebody has closed the connection's breaker first."""

    title: str
    now: datetime
    days: int | None = None
    breaker_closed: bool = False
    exchanges: tuple[Exchange, ...] = ()
    outcome: Outcome


class Authorise(Written, frozen=True, kw_only=True):
    url: str
    query: dict[str, str]


class Conversation(Written, frozen=True, kw_only=True):
    shows: tuple[str, ...]
    interval: str
    credential: str
    syncs: tuple[Sync, ...]
    settings: dict[str, str] = {}
    texts: dict[str, str] = {}
    authorise: Authorise | None = None


def names() -> list[str]:
    return sorted(path.stem for path in DIRECTORY.glob("*.toml"))


def load(name: str) -> Conversation:
    """Raises ConfigurationError, which says what is wrong with the file."""
    return strict_toml.read(DIRECTORY / f"{name}.toml", Conversation)
