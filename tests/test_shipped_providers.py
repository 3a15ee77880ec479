"""Are the provider files that come with the program good, and is each of them tried?"""

from pathlib import Path

import pytest

from daemon import provider_file
from tests.conversations import conversation

PROVIDERS = Path(provider_file.__file__).parent / "providers"
NAMES = sorted(path.stem for path in PROVIDERS.glob("*.toml"))

pytestmark = pytest.mark.requirement("A20")


def test_some_are_shipped():
    assert {"dexcom", "finale", "google_fit", "google_health"} <= set(NAMES)
