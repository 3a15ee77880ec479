"""What do an answer's headers say of its use?"""

from datetime import timedelta

import pytest

from daemon import cache_headers
from daemon.decide.caching import Said

pytestmark = pytest.mark.requirement("E6")

MINUTE = timedelta(minutes=1)
DATE = "Sun, 01 Mar 2026 00:00:00 GMT"
LATER = "Sun, 01 Mar 2026 00:01:00 GMT"
CASES = [
    ({}, Said()),
    ({"cache-control": "max-age=60"}, Said(fresh=MINUTE)),
    ({"cache-control": 'Private , MAX-AGE="60"'}, Said(fresh=MINUTE)),
    ({"cache-control": "max-age=60, max-age=5"}, Said(fresh=MINUTE)),
    ({"cache-control": "s-maxage=5"}, Said()),
    ({"cache-control": "max-age=١٢"}, Said()),
    ({"cache-control": "max-age=1_000"}, Said()),
    ({"cache-control": "max-age=-1"}, Said()),
    ({"cache-control": "max-age=60;q=1, no-store"}, Said(fresh=MINUTE, no_store=True)),
    ({"cache-control": ", no-store"}, Said(no_store=True)),
    ({"cache-control": "max-age=60,,no-store"}, Said(fresh=MINUTE, no_store=True)),
    ({"cache-control": 'private="no-store"'}, Said()),
    ({"cache-control": "max-age=60", "age": "9" * 20}, Said(fresh=timedelta())),
    ({"cache-control": "no-store"}, Said(no_store=True)),
    ({"cache-control": "no-cache, must-revalidate"}, Said(no_cache=True, must_revalidate=True)),
    (
        {"cache-control": "stale-while-revalidate=60, stale-if-error=60"},
        Said(while_revalidate=MINUTE, if_error=MINUTE),
    ),
    ({"cache-control": "max-age=90", "age": "30"}, Said(fresh=MINUTE)),
    ({"cache-control": "max-age=30", "age": "90"}, Said(fresh=timedelta())),
    ({"expires": LATER, "date": DATE}, Said(fresh=MINUTE)),
    ({"expires": DATE, "date": LATER}, Said(fresh=timedelta())),
    ({"expires": "0"}, Said(fresh=timedelta())),
    ({"expires": LATER}, Said(fresh=timedelta())),
    ({"cache-control": "max-age=60", "expires": "0"}, Said(fresh=MINUTE)),
    ({"vary": " * "}, Said(no_store=True)),
    ({"vary": "accept, *"}, Said(no_store=True)),
    ({"vary": "accept"}, Said()),
]


@pytest.mark.parametrize("headers, said", CASES, ids=[str(headers) for headers, _ in CASES])
def test_what_headers_say(headers, said):
    assert cache_headers.read(headers) == said
