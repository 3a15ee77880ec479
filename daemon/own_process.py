"""How is a part of rounds run in a process of its own, which is told nothing but its arguments?"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def command(module: str, *arguments: str) -> list[str]:
    """Run that module of ours, whatever lies where it is started."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Nothing is passed on of what our own environment says: it may hold keys."""
    return {"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", os.defpath)}
