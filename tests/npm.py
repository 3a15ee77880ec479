"""How are servers from npm, which some tests are run against, installed once for all runs?"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

INSTALL_S = 180.0  # it takes two seconds; a registry may be slow


def installed(npm: str, lock: Path, what: str) -> Path:
    """Return the directory of the packages that a package-lock.json names, for all runs with it.

    Skips the test, in words, where they cannot be installed; in CI that fails it.
    """
    name = json.loads(lock.read_bytes())["name"]
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    directory = _cache() / f"{name.removeprefix('rounds-')}-{digest[:16]}"
    with (_cache() / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # tests run in several processes; the first one installs
        if not directory.exists():
            _install(npm, lock.parent, directory, what)
    return directory / "node_modules"


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rounds-tests"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _install(npm: str, source: Path, directory: Path, what: str) -> None:
    """Install beside its place and move it there, so that half an installation is never found."""
    beside = directory.with_suffix(".partial")
    shutil.rmtree(beside, ignore_errors=True)  # of a run that was killed: we hold the lock
    beside.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, beside)
    command = [npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=beside, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        _not_installed(what, f"npm did not end within {INSTALL_S:.0f} s")
    if done.returncode:
        _not_installed(what, done.stderr[-1000:])
    beside.rename(directory)


def _not_installed(what: str, why: str) -> NoReturn:
    sentence = f"{what} could not be installed from npm: {why}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
