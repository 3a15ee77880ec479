"""How near does each hot path come to what the machine and SQLite can do? One JSON line a figure.

Ours and the limit take turns in one run, so that a busy machine slows both; each is the median of
its turns. The ratio is what to look at.
"""

import sys

import structlog

from tests.benchmarks import appending, replaying, syncing


def main() -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    for benchmark in (appending, replaying, syncing):
        for figure in benchmark.figures():
            sys.stdout.write(figure.line())
            sys.stdout.flush()


if __name__ == "__main__":
    main()
