"""What is known of a provider's settings and tokens, in words?"""

from collections.abc import Sequence
from datetime import timedelta

from daemon.cli import times

REUSED = "the old refresh token is sent again: it stays good for {span} after it was replaced"
IN_DOUBT = {
    "reuse": REUSED,
    "introspect": "the provider is asked what became of the token",
    "try_once": "the old refresh token is tried once; if it is refused, a person authorises anew",
    "ask": "a person authorises anew",
}
BY_PERSON = "OAuth 2.0: a person authorises each connection with `rounds connection authorize`"
BY_ITSELF = "OAuth 2.0: our application's own id and secret get a token, nobody is asked"


def grant(kind: str) -> str:
    """Who it is that OAuth needs."""
    return BY_PERSON if kind == "authorization_code" else BY_ITSELF


def lifetimes(
    kind: str, *, access_s: int, in_doubt: str, reuse_s: int | None, idle_days: int | None
) -> dict[str, str]:
    """How long tokens live, and what happens when nobody knows whether one still does."""
    lives = times.exact(timedelta(seconds=access_s))
    found = {"access token": f"lives {lives}, unless the answer that brings it says otherwise"}
    if kind != "authorization_code":
        return found
    way_out = IN_DOUBT[in_doubt].format(span=times.exact(timedelta(seconds=reuse_s or 0)))
    found["in doubt"] = f"where the answer to a refresh is lost, {way_out}"
    if idle_days is not None:
        days = times.count(idle_days, "day")
        found["idle"] = f"a grant dies {days} after its last refresh; rounds renews it in time"
    return found


def setting(title: str, choices: Sequence[str], default: str | None) -> str:
    """What a connection may say for it, and whether it must."""
    match default:
        case None:
            must = "needed"
        case "":
            must = "may be left out"
        case _:
            must = f"{default} where it is left out"
    allowed = f"; one of {', '.join(choices)}" if choices else ""
    return (f"{title} ({must})" if title else must) + allowed
