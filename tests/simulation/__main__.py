"""Which promises does a fleet break, from the first seed to the last one?

python -m tests.simulation FIRST LAST
"""

import sys

import structlog

from tests.simulation.fleet_story import story


def _drop(*_: object) -> str:
    raise structlog.DropEvent


def main(first: int, last: int) -> int:
    """Print a line a seed, and below it what is wrong; 1 where anything is."""
    structlog.configure(processors=[_drop])
    wrong = False
    for seed in range(first, last + 1):
        told = story(seed)
        print(told, flush=True)  # noqa: T201 - that is what it is for
        wrong = wrong or bool(told.wrong)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
