"""What will a provider's file make rounds do, in words?"""

from datetime import timedelta
from typing import assert_never

from daemon.auth_file import ApiKey, Auth, Basic, NoAuth, OAuth2
from daemon.cli import call_words, times, token_words
from daemon.control.account_messages import REDIRECT_URI
from daemon.control.provider_messages import CallsView
from daemon.provider_file import AnswerErrors, Codes, Limits, ProviderFile
from daemon.rate_file import Rate, RateHeaders
from events.terms import FailureClass

CODES_SHOWN = 6  # of those that mean the same: some providers list a hundred
MEANINGS = {
    FailureClass.AUTH: "the credential is refused",
    FailureClass.RATE_LIMITED: "too many requests",
    FailureClass.NOT_FOUND: "nothing is there",
    FailureClass.INVALID: "the request is refused",
    FailureClass.SERVER: "the provider failed",
}
CLIENTS = {
    "body": "its id and secret go into the form",
    "basic": "its id and secret go as HTTP Basic",
    "none": "it has no secret, its id goes into the form",
}
RESETS = {
    "seconds": "in seconds from then",
    "unix": "as a Unix time in seconds",
    "unix_ms": "as a Unix time in milliseconds",
    "date": "as an HTTP date",
}


def facts(file: ProviderFile, calls: CallsView) -> dict[str, str]:
    """What holds for the whole provider; `calls` is what its file says of calls."""
    return {
        "provider": file.name + (f" ({file.title})" if file.title else ""),
        **({"documentation": file.documentation} if file.documentation else {}),
        **({"retired": _retired(file)} if file.retired else {}),
        **({"successor": file.successor} if file.successor and not file.retired else {}),
        "address": file.base_url,
        "credential": _credential(file.auth),
        **(_oauth(file.name, file.auth) if isinstance(file.auth, OAuth2) else {}),
        **{
            f"setting {name}": token_words.setting(each.title, each.choices, each.default)
            for name, each in file.settings.items()
        },
        **({"errors": _errors(file.errors)} if file.errors else {}),
        "limits": _limits(file.limits),
        "not ready": (
            f"an answer 202 is asked for again after {file.limits.poll_s:g} s, or when it says"
        ),
        **_rate(file.rate, calls),
        **call_words.facts(calls),
    }


def _retired(file: ProviderFile) -> str:
    on = "" if isinstance(file.retired, bool) else f" on {file.retired}"
    successor = f"; its successor is {file.successor}" if file.successor else ""
    return f"switched off{on}: no connection can be added{successor}"


def _credential(auth: Auth) -> str:
    match auth:
        case NoAuth():
            return "none is needed"
        case ApiKey(header=None, query=query):
            return f"a key, sent as the query parameter {query}"
        case ApiKey(header=header, prefix=prefix):
            after = f', after "{prefix}"' if prefix else ""
            return f"a key, sent in the header {header}{after}"
        case Basic():
            return "user:password, sent as HTTP Basic"
        case OAuth2(grant=grant):
            return token_words.grant(grant)
        case _:
            assert_never(auth)


def _oauth(name: str, auth: OAuth2) -> dict[str, str]:
    found = {
        "application": f"set it with `rounds provider client {name}`; {CLIENTS[auth.client]}",
        "scopes": ", ".join(auth.scopes) or "none are asked for",
    }
    if auth.authorize_url is not None:
        pkce = "with PKCE" if auth.pkce else "without PKCE"
        found["consent"] = f"at {auth.authorize_url}, {pkce}"
        found["redirect URI"] = f"{auth.redirect_uri or REDIRECT_URI}, to be registered there"
    found["tokens"] = f"from {auth.token_url}; each goes in the header {auth.header}"
    found |= token_words.lifetimes(
        auth.grant,
        access_s=auth.access_s,
        in_doubt=auth.in_doubt,
        reuse_s=auth.reuse_s,
        idle_days=auth.idle_days,
    )
    expired = " or ".join(str(status) for status in auth.expired) or "no status"
    found["expired"] = f"{expired} says that an access token is no longer good"
    codes = " or ".join(str(code) for code in auth.dead)
    found["refused"] = f"a refresh whose {_inline(auth.error)} is {codes} ends the grant"
    return found


def _errors(errors: AnswerErrors) -> str:
    """Errors inside a 200."""
    named = (
        (FailureClass.AUTH, errors.auth),
        (FailureClass.RATE_LIMITED, errors.rate_limited),
        (FailureClass.NOT_FOUND, errors.not_found),
        (FailureClass.INVALID, errors.invalid),
        (FailureClass.SERVER, errors.server),
    )
    good = f"none or {_codes(errors.ok)}" if errors.ok else "none"
    parts = [f"good is {good}"]
    parts += [f"{_codes(codes)}: {MEANINGS[cause]}" for cause, codes in named if codes]
    parts.append(f"any other: {MEANINGS.get(errors.other, errors.other)}")
    if errors.wait:
        parts.append(f"{_inline(errors.wait)} says for how many seconds to wait")
    return f"{_inline(errors.path)} inside a 200 says how it went; {'; '.join(parts)}"


def _codes(codes: Codes) -> str:
    shown = ", ".join(str(code) for code in codes[:CODES_SHOWN])
    more = len(codes) - CODES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _limits(limits: Limits) -> str:
    stream = times.exact(timedelta(seconds=limits.sync_timeout_s))
    return (
        f"{limits.timeout_s:g} s ({limits.silence(limits.timeout_s):g} s of silence) and "
        f"{times.size(limits.body_bytes_max)} an answer; "
        f"{times.count(limits.pages_max, 'page')} and {stream} a stream"
    )


def _rate(rate: Rate, calls: CallsView) -> dict[str, str]:
    found = {}
    if rate.windows:
        found["rate"] = call_words.rate(calls.rate)
    if rate.headers:
        found["rate headers"] = "; ".join(map(_headers, rate.headers))
    return found


def _headers(headers: RateHeaders) -> str:
    of = " of reads" if headers.only == "reads" else ""
    if headers.reset is None:
        return f"{headers.limit} and {headers.used} list what is allowed and used{of}"
    left = f", once {headers.remaining} is 0" if headers.remaining else ""
    return f"{headers.reset} says when to go on{of}, {RESETS[headers.reset_as]}{left}"


def _inline(expression: str) -> str:
    """An expression on one line."""
    return " ".join(expression.split())
