"""Which headers announce a provider's end, and who hears of it?"""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import announcement
from daemon.announcement import Announcement

pytestmark = pytest.mark.requirement("X7")

SUNSET = "Wed, 11 Nov 2026 23:59:59 GMT"
END = datetime(2026, 11, 11, 23, 59, 59, tzinfo=UTC)
SINCE = datetime(2023, 6, 30, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "headers, said",
    [
        ({"sunset": SUNSET}, Announcement(sunset=END)),
        ({"deprecation": "@1688169599"}, Announcement(deprecated=True, since=SINCE)),
        ({"deprecation": " @1688169599\t"}, Announcement(deprecated=True, since=SINCE)),
        ({"deprecation": SUNSET}, Announcement(deprecated=True, since=END)),
        ({"deprecation": "true"}, Announcement(deprecated=True)),
        ({"deprecation": "?1"}, Announcement(deprecated=True)),
        (
            {"deprecation": "@1688169599", "sunset": SUNSET},
            Announcement(deprecated=True, since=SINCE, sunset=END),
        ),
    ],
)
def test_what_the_documents_allow_is_heard(headers, said):
    assert announcement.of(headers) == said


@pytest.mark.parametrize(
    "value",
    [
        "", "soon", "false", "@", "@1e9", "@999999999999999999999", "@999999999999", "1688169599",
        "2026-11-11", "2026-11-11T23:59:59Z", "Wed, 99 Nov 2026 23:59:59 GMT", SUNSET * 2,
        f"{SUNSET}, {SUNSET}", "Wed, 11 Nov 2026 23:59:59 +2500", "Wed, 11 Nov 9999 23:59:59 PST",
        "W\u00e9d, 11 Nov 2026 23:59:59 GMT", "x" * 100_000,
    ],
)  # fmt: skip
def test_what_is_neither_says_nothing(value):
    assert announcement.of({"sunset": value, "deprecation": value}) == Announcement()


def test_other_headers_cost_two_looks():
    assert announcement.of({"date": SUNSET}) is None
    assert announcement.kept({"date": SUNSET}) == {}
    assert announcement.kept({"date": SUNSET, "sunset": "x"}) == {"sunset": "x"}


@given(st.text(max_size=80), st.text("@0123456789-", max_size=20))
def test_no_value_is_too_strange(sunset, deprecation):
    for value in (sunset, deprecation):
        said = announcement.of({"sunset": value, "deprecation": value})
        assert said.sunset is None or said.sunset.tzinfo is UTC
