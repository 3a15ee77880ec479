"""How near does each hot path come to what the machine and SQLite can do? One JSON line a figure.

Ours and the limit take turns in one run, so that a busy machine slows both; each is the median of
its turns. The ratio is what to look at.
"""

import sys
from functools import partial

import structlog

from tests.benchmarks import (
    appending,
    asking,
    asof,
    calling,
    came,
    deciding,
    drifting,
    freshness,
    idling,
    rebuilding,
    remembering,
    replaying,
    rolling_back,
    scheduling,
    syncing,
    verifying,
    versions,
)

BENCHMARKS = {
    "appending": appending,
    "replaying": replaying,
    "verifying": verifying,
    "asof": asof,
    "asking": asking,
    "remembering": remembering,
    "syncing": syncing,
    "rebuilding": rebuilding,
    "rolling_back": rolling_back,
    "calling": calling,
    "deciding": deciding,
    "scheduling": scheduling,
    "idling": idling,
    "freshness": freshness,
    "versions": versions,
    "drifting": drifting,
    "came": came,
}
"""All of them; `python -m tests.benchmarks idling` runs one."""


LARGE = {"asking-ten-million": partial(asking.figures, 10_000_000, tenants=10)}
"""What takes half an hour and some twenty gigabytes: only where it is named."""


def main() -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    every = {name: module.figures for name, module in BENCHMARKS.items()}
    for name in sys.argv[1:] or list(every):
        for figure in (every | LARGE)[name]():
            sys.stdout.write(figure.line())
            sys.stdout.flush()


if __name__ == "__main__":
    main()
