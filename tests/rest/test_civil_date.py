"""Are a day's bounds numbers where a provider wants them so, and only where numbers can stand?"""

from datetime import date

import msgspec
import pytest

from daemon import placeholders, windows
from daemon.stream_file import Stream, Window

NEW_YEARS_EVE = date(2026, 12, 31)
BODY = {"range": {"start": {"date": "{start}"}, "end": {"date": "{end}"}}}


def test_a_day_ends_where_the_next_one_begins_even_in_another_year():
    bounds = windows.bounds(Window(format="civil_date"), NEW_YEARS_EVE)
    assert placeholders.document(BODY, bounds) == {
        "range": {
            "start": {"date": {"year": 2026, "month": 12, "day": 31}},
            "end": {"date": {"year": 2027, "month": 1, "day": 1}},
        }
    }


def test_an_inclusive_end_is_the_day_itself():
    window = Window(format="civil_date", end="inclusive", timezone="Pacific/Kiritimati")
    assert windows.bounds(window, NEW_YEARS_EVE)["end"] == {"year": 2026, "month": 12, "day": 31}


IN_A_TEXT = {"where": [{"day": "from {start} on"}]}


@pytest.mark.parametrize("place", [{"params": {"from": "{start}"}}, {"body": IN_A_TEXT}])
def test_a_file_that_puts_an_object_into_the_query_or_a_text_is_refused(place):
    document = {
        "path": "/days",
        "method": "POST",
        "primary_key": ["id"],
        "mode": "window",
        "window": {"format": "civil_date"},
        **place,
    }
    with pytest.raises(msgspec.ValidationError, match="each stands in a body, and is all of"):
        msgspec.convert(document, Stream)
