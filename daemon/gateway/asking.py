"""Which request is a program's wish, and is it one that may be sent?"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from urllib.parse import unquote

from msgspec import Struct

from daemon import first_request, placeholders
from daemon.exchange import CallLost, Request
from daemon.file_table import PLACEHOLDER
from daemon.placeholders import Values
from daemon.provider_file import DOTS, ProviderFile
from daemon.secret import Secret
from events.gateway import CallKind
from events.terms import FailureClass

PATH_MAX = 4096  # characters, the query included; servers take no longer request line
UNDECLARED = "(a path that its file does not declare)"
SAFE_METHODS = frozenset({"GET", "HEAD"})
HEADERS = frozenset({"accept", "accept-language", "content-type", "if-match", "if-none-match"})
"""Headers that a program may set; the credential's are ours, and the others are the wire's."""

KEY_UNKNOWN = (
    "nothing was sent: the file of {provider} names no header for a key; name it there, in "
    "idempotency_header, if the provider knows one, or leave the key out"
)


class Wish(Struct, frozen=True, kw_only=True):
    """What a program asks for. `path` goes on from the provider's base URL, and may hold a query.

    A call that changes something is sent twice only with a `key`, which its provider must heed;
    with `key_of_ours` the program itself did not give it.
    With `fresh` the provider itself has to answer.
    """

    method: str
    path: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    kind: CallKind | None = None
    key: str | None = None
    key_of_ours: bool = False
    timeout_s: float = 30.0
    fresh: bool = False


def build(
    file: ProviderFile,
    wish: Wish,
    template: str | None,
    credential: Secret | None,
    values: Values,
) -> Request:
    """Return the request to a path of that template. Raises CallLost: nothing was sent."""
    _check_path(wish.path)
    first_request.check_settings(file, values)
    first_request.check_allowed(file, values)
    secret_headers, secret_params = first_request.credentials(file.auth, credential)
    headers = {name.lower(): value for name, value in wish.headers.items()}
    _check_headers(headers)
    if wish.key is not None:
        if file.idempotency_header is None:
            raise _invalid(KEY_UNKNOWN.format(provider=file.name))
        headers[file.idempotency_header.lower()] = wish.key
    return Request(
        method=wish.method,
        url=placeholders.url(file.base_url.rstrip("/"), values) + wish.path,
        endpoint=f"{wish.method} {template or UNDECLARED}",
        stream="",
        headers={"accept": "*/*", **headers},
        body=wish.body,
        secret_headers=secret_headers,
        secret_params=secret_params,
        keeps_refusal=True,
    )


def kind_of(method: str) -> CallKind:
    return CallKind.READ if method in SAFE_METHODS else CallKind.WRITE


def template(file: ProviderFile, method: str, path: str) -> str | None:
    """Return the file's template for a path, fit for events and metrics: no path itself is."""
    bare = path.partition("?")[0]
    for declared_method, declared in _templates(file):
        if declared_method in (method, "") and pattern(declared).fullmatch(bare):
            return declared
    return None


def _templates(file: ProviderFile) -> Iterator[tuple[str, str]]:
    """Methods, any where empty, with paths whose placeholders stand for one segment each."""
    for template in file.endpoints:
        yield "", template
    for stream in file.streams.values():
        yield stream.method, stream.path


@cache
def pattern(template: str) -> re.Pattern[str]:
    """What matches its paths, with a group for each placeholder's value."""
    parts = PLACEHOLDER.split(template)  # texts, with the names between them
    return re.compile("([^/]+)".join(re.escape(text) for text in parts[::2]))


def _check_path(path: str) -> None:
    """It stays under the base URL, whatever parser reads it."""
    segments = re.split(r"[/\\]", _unquoted(path.partition("?")[0]))
    crooked = any(segment.partition(";")[0] in DOTS for segment in segments)
    wrong = (
        len(path) > PATH_MAX
        or not path.startswith("/")
        or path.startswith("//")
        or re.search(r"[^\x21-\x7e]|[\\#]", path) is not None
        or crooked
    )
    if wrong:
        raise CallLost(
            FailureClass.INVALID,
            "the path is not one below the provider's base URL: it must begin with one slash "
            "and hold no '..', and what is not plain ASCII must be percent-encoded",
            sent=False,
        )


def _unquoted(text: str) -> str:
    """As the last of all who read it may: some unquote once more what others have unquoted."""
    while (plain := unquote(text)) != text:
        text = plain
    return text


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if name not in HEADERS:
            allowed = ", ".join(sorted(HEADERS))
            raise _invalid(f"the header {name!r} is not a program's to set (these are: {allowed})")
        if re.search(r"[^\x20-\x7e]", value):
            raise _invalid(f"the header {name} holds a line break, or is not plain ASCII")


def _invalid(message: str) -> CallLost:
    return CallLost(FailureClass.INVALID, message, sent=False)
