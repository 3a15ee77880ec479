"""What do these tests share? One hostile server for all of them."""

from collections.abc import Iterator

import pytest

from tests.wire import wiremock
from tests.wire.wiremock import WireMock


@pytest.fixture(scope="session")
def hostile() -> Iterator[WireMock]:
    with wiremock.serving() as server:
        yield server
