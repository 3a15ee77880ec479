"""How is the command run where it is not installed? `python -m daemon.cli`."""

import sys

from daemon.cli import main

if __name__ == "__main__":
    sys.exit(main())
