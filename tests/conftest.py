"""What do all tests share? Logs stay silent unless read; hypothesis is deterministic."""

import signal

import structlog
from hypothesis import HealthCheck, settings

settings.register_profile(
    "rounds",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("rounds")


def _drop(*_: object) -> str:
    raise structlog.DropEvent


structlog.configure(processors=[_drop], cache_logger_on_first_use=False)

# A shell that runs tests in the background has these ignored, and every child would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
