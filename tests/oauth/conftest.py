"""What do these tests share? One server of each kind; a test's grant is its own."""

from collections.abc import Iterator

import pytest

from tests.oauth import oidc, toolkit
from tests.oauth.peer import CONFIDENTIAL, PUBLIC, Peer

HOUR_S = 3600  # how long an access token lives
REFRESH_S = 30 * 86400  # and a refresh token

FORMS = pytest.mark.parametrize(
    "application, how",
    [(CONFIDENTIAL, "basic"), (CONFIDENTIAL, "post"), (PUBLIC, "none")],
    ids=["client_secret_basic", "client_secret_post", "public"],
)


@pytest.fixture(scope="session")
def toolkit_peer() -> Iterator[Peer]:
    with toolkit.serving(access_s=HOUR_S, refresh_s=REFRESH_S) as peer:
        yield peer


@pytest.fixture(scope="session")
def oidc_peer() -> Iterator[Peer]:
    with oidc.serving(access_s=HOUR_S, refresh_s=REFRESH_S) as peer:
        yield peer


@pytest.fixture(params=["toolkit", "oidc"])
def peer(request: pytest.FixtureRequest) -> Peer:
    """Either server: what holds for both."""
    return request.getfixturevalue(f"{request.param}_peer")
