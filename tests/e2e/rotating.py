"""A roundsd that is killed at a chosen call of the first rotation of its vault's key."""

import os

from daemon import roundsd
from tests.dying import kill_at_call

if __name__ == "__main__":
    function, number = os.environ["DIES_AT"].split()
    kill_at_call(function, int(number))
    roundsd.main()
