"""What does a provider's file make of calls, those of programs above all, in words?"""

from datetime import timedelta

from daemon.cli import times
from daemon.control.provider_messages import BatchView, CallsView, EndpointView, WindowView

NO_KEYS = (
    "a write is not sent again by itself once it may have arrived: the provider knows no header "
    "for a key"
)
NO_ENDPOINTS = (
    "none is declared: a GET's answer is kept as it says itself, at most {stale} where no other "
    "can be had, and the same ones at once go as one"
)
GATHERED_MAX = 10  # times the pause: so long a call waits at most for others like it


def limits(calls: CallsView) -> dict[str, str]:
    """How much one call may take, and how many the provider allows."""
    size, quiet = times.size(calls.body_bytes_max), span(calls.silence_s)
    found = {"limits": f"{span(calls.timeout_s)} ({quiet} of silence) and {size} an answer"}
    return {**found, "rate": rate(calls.rate)} if calls.rate else found


def rate(windows: list[WindowView]) -> str:
    return "the provider allows " + "; ".join(map(_window, windows))


def facts(calls: CallsView) -> dict[str, str]:
    """What holds for all calls."""
    found = {"pool": pool(calls), "writes": _writes(calls.idempotency_header)}
    if calls.private_hosts:
        hosts = ", ".join(calls.private_hosts)
        found["private hosts"] = f"{hosts}: may be at addresses of this host or its network"
    if not calls.endpoints:
        found["endpoints"] = NO_ENDPOINTS.format(stale=span(calls.stale_s))
    return found


def pool(calls: CallsView) -> str:
    most = times.count(calls.connections_max, "connection")
    return f"at most {most} at once, each closed after {span(calls.idle_s)} without a call"


def endpoint(view: EndpointView, stale_s: float) -> dict[str, str]:
    """What holds for one path; `stale_s` is where neither it nor the answer says for how long."""
    found = {
        "endpoint": f"{view.path}, whatever the method" + (f" ({view.title})" if view.title else "")
    }
    if view.cached:
        found |= _kept(view, stale_s)
    else:
        found["kept"] = "no answer of it"
    found["the same"] = "GETs at once go as one" if view.shared else "GETs at once go each alone"
    if view.debounce_s:
        most = span(GATHERED_MAX * view.debounce_s)
        found["pause"] = (
            f"a GET, or a PUT without its program's key, waits until no same one came for "
            f"{span(view.debounce_s)}, at most {most}; the last goes for all"
        )
    if view.batch:
        found["batch"] = _batch(view.batch)
    return found


def span(seconds: float) -> str:
    """`0.02 s`, `45 s`, `1 h 30 min`."""
    if seconds < 60 or seconds != int(seconds):
        return f"{seconds:g} s"
    return times.exact(timedelta(seconds=seconds))


def _window(window: WindowView) -> str:
    counted = times.count(window.calls, "read" if window.only == "reads" else "call")
    aligned = " by the clock, in UTC" if window.kind == "aligned" else ""
    whose = "the application" if window.scope == "application" else "each connection"
    return f"{counted} in {span(window.per_s)}{aligned} for {whose}"


def _writes(header: str | None) -> str:
    if header is None:
        return NO_KEYS
    return f"each has a key in the header {header}, and may be sent again with it"


def _kept(view: EndpointView, stale_s: float) -> dict[str, str]:
    """Three times, one after the other; the last two may be none."""
    renewing, failing = view.stale_while_revalidate_s, view.stale_if_error_s
    found = {"kept": "fresh as long as the answer says, else not at all"}
    if view.fresh_s is not None:
        found["kept"] = f"fresh for {span(view.fresh_s)}, whatever the answer says"
    if renewing != 0:
        long = "for as long as the answer says" if renewing is None else f"for {span(renewing)}"
        found["after that"] = f"it is given {long}, and asked anew behind the caller's back"
    if failing != 0:
        own = f"for as long as the answer says, else {span(stale_s)}"
        long = own if failing is None else f"for {span(failing)}"
        found["on failure"] = (
            f"where the provider fails, or says nothing within {span(view.patience_s)}, it is "
            f"given, marked as old, {long}"
        )
    return found


def _batch(batch: BatchView) -> str:
    where = "its whole answer" if batch.records == "@" else f"{batch.records} in its answer"
    return (
        f"up to {batch.size:,} GETs that come within {span(batch.wait_s)} go as one to "
        f'{batch.path}, "{batch.separator}" between the values; {batch.key} tells them apart in '
        f"{where}"
    )
