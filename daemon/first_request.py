"""What is the first request for a stream, with which credential?"""

import base64
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from daemon import paging
from daemon.exchange import CallLost, Request
from daemon.provider_file import ApiKey, Auth, Basic, NoAuth, ProviderFile, Stream
from daemon.secret import Secret
from events.terms import FailureClass


def build(
    provider: ProviderFile, name: str, stream: Stream, credential: Secret | None, cursor: str | None
) -> Request:
    """Return the request for the first page. Raises CallLost where the credential cannot be sent.

    `cursor` is the last fetch's, as JSON text, None the first time.
    """
    body = stream.body
    headers = {"accept": "application/json"}
    if stream.method == "POST":
        headers["content-type"] = "application/json"
        body = body or {}
    secret_headers, secret_params = _credentials(provider.auth, credential)
    request = Request(
        method=stream.method,
        url=provider.base_url.rstrip("/") + stream.path,
        endpoint=f"{stream.method} {stream.path}",
        stream=name,
        headers={**headers, **{key.lower(): value for key, value in stream.headers.items()}},
        params={key: paging.text(value) for key, value in stream.params.items()},
        body=None if body is None else msgspec.json.encode(body),
        secret_headers=secret_headers,
        secret_params=secret_params,
    )
    return paging.opening(stream.paging, _since(stream, request, cursor))


def _since(stream: Stream, request: Request, cursor: str | None) -> Request:
    if stream.cursor is None:
        return request
    value: Any = stream.cursor.initial if cursor is None else msgspec.json.decode(cursor)
    if value is None:
        return request
    return paging.put(request, stream.cursor.place, stream.cursor.param, value)


def _credentials(
    auth: Auth, credential: Secret | None
) -> tuple[Mapping[str, Secret], Mapping[str, Secret]]:
    """Return secret headers and secret parameters."""
    match auth:
        case NoAuth():
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
