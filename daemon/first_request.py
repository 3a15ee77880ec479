"""What is the first request for a stream, with which credential?"""

import base64
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from daemon import json_place, paging, placeholders, windows
from daemon.auth_file import ApiKey, Auth, Basic, NoAuth, OAuth2
from daemon.exchange import CallLost, Request
from daemon.placeholders import Values
from daemon.provider_file import ProviderFile
from daemon.secret import Secret
from daemon.stream_file import Cursor, Stream
from events.terms import FailureClass

NOTHING: Values = {}


def build(
    provider: ProviderFile,
    name: str,
    stream: Stream,
    credential: Secret | None,
    *,
    cursor: str | None = None,
    values: Values = NOTHING,
) -> Request:
    """Return the request for the first page. Raises CallLost where it cannot be sent.

    `cursor` is the last fetch's, as JSON text, None the first time; `values` stand for the
    placeholders. What OAuth needs is added by who has the token.
    """
    check_settings(provider, values)
    body = placeholders.document(stream.body, values)
    headers = {"accept": "text/csv, */*" if stream.csv else "application/json"}
    if stream.method == "POST":
        headers["content-type"] = "application/json"
        body = body or {}
    secret_headers, secret_params = credentials(provider.auth, credential)
    request = Request(
        method=stream.method,
        url=placeholders.url(provider.base_url.rstrip("/") + stream.path, values),
        endpoint=f"{stream.method} {stream.path}",
        stream=name,
        headers={**headers, **_headers(stream, values)},
        params={
            key: paging.text(value)
            for key, value in placeholders.params(stream.params, values).items()
        },
        body=None if body is None else msgspec.json.encode(body),
        secret_headers=secret_headers,
        secret_params=secret_params,
        timeout_s=stream.timeout_s,
        spooled=stream.csv is not None,
        records_at=json_place.apart(stream, provider.errors),
    )
    return paging.opening(stream.paging, _since(stream, request, cursor))


def _since(stream: Stream, request: Request, cursor: str | None) -> Request:
    if stream.cursor is None:
        return request
    value: Any = stream.cursor.initial if cursor is None else msgspec.json.decode(cursor)
    if value is None:
        return request
    if cursor is not None and (stream.cursor.look_back_s or stream.cursor.sent_as):
        value = _earlier(stream.cursor, value)
    return paging.put(request, stream.cursor.place, stream.cursor.param, value)


def _earlier(cursor: Cursor, value: Any) -> Any:
    """Ask again for what may have arrived late, below times that were seen already."""
    by = timedelta(seconds=cursor.look_back_s or 0)
    earlier = windows.earlier(value, by, cursor.format, cursor.sent_as or cursor.format)
    if earlier is None:
        key = "look_back_s" if cursor.look_back_s else "sent_as"
        raise CallLost(
            FailureClass.INVALID,
            f'{key} needs times in the field of the cursor, written as "{cursor.format}";'
            " check cursor.format in the provider's file",
        )
    return earlier


def check_settings(provider: ProviderFile, values: Values) -> None:
    """Raise CallLost where the connection lacks one."""
    missing = sorted(set(provider.settings) - set(values))
    if missing:
        raise CallLost(
            FailureClass.INVALID,
            f"the connection lacks the setting {missing[0]}; nothing was sent; give it with"
            f" `rounds connection add … --set {missing[0]}=…`",
        )


def check_allowed(provider: ProviderFile, values: Values) -> None:
    """Raise CallLost for a setting that the file does not allow: it may have become stricter."""
    for name, setting in provider.settings.items():
        if name in values and not setting.allows(str(values[name])):
            raise CallLost(
                FailureClass.INVALID,
                f"the connection's setting {name} is not one that the provider's file allows;"
                f" nothing was sent; give another with `rounds connection add … --set {name}=…`",
            )


def _headers(stream: Stream, values: Values) -> dict[str, str]:
    return {key.lower(): placeholders.text(each, values) for key, each in stream.headers.items()}


def credentials(
    auth: Auth, credential: Secret | None
) -> tuple[Mapping[str, Secret], Mapping[str, Secret]]:
    """Return secret headers and secret parameters. Raises CallLost for one that cannot be sent."""
    match auth:
        case NoAuth() | OAuth2():
            return {}, {}
        case ApiKey(header=header, query=query, prefix=prefix):
            key = _text(credential, r"[\x21-\x7e]+(?: +[\x21-\x7e]+)*")  # printable ASCII
            if header is not None:
                return {header.lower(): Secret(prefix + key)}, {}
            assert query is not None, "an API key has its place"
            return {}, {query: Secret(key)}
        case Basic():
            pair = _text(credential, r"[^\x00-\x1f\x7f]+")  # RFC 7617: no control characters
            if ":" not in pair:
                raise _unusable("is not of the form user:password")
            encoded = base64.b64encode(pair.encode("utf-8", "replace")).decode()
            return {"authorization": Secret(f"Basic {encoded}")}, {}


def _text(credential: Secret | None, pattern: str) -> str:
    if credential is None:
        raise _unusable("is not set")
    text = credential.reveal()
    if not re.fullmatch(pattern, text):
        raise _unusable("is empty, or holds a line break or another character that cannot be sent")
    return text


def _unusable(what: str) -> CallLost:
    return CallLost(
        FailureClass.AUTH,
        f"the credential {what}; nothing was sent; set one with `rounds connection add`",
    )
