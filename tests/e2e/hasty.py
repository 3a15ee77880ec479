"""A roundsd that prunes as soon as a new version is there, a few rows at a time."""

from daemon import pruner, roundsd
from daemon.store import pruning, restoring

if __name__ == "__main__":
    pruner.EVERY_S = 0.1
    pruner.STEP_REST_S = 0.0
    pruning.STEP_ROWS = 40
    restoring.STEP_ROWS = 40
    roundsd.main()
