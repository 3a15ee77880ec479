"""What do the end-to-end tests share? A directory each, short enough for a socket's path."""

import tempfile
from pathlib import Path

import pytest

from tests.e2e.daemon import Home


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="rounds-", dir="/tmp") as root:
        yield Home(Path(root))
