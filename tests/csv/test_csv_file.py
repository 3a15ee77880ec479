"""What does the csv table of a provider's file allow, and what does it say of the rest?"""

import msgspec
import pytest

from daemon.csv_file import Csv

pytestmark = pytest.mark.requirement("B11")


def test_an_empty_table_is_enough():
    assert msgspec.convert({}, Csv) == Csv()


def test_a_full_table_is_taken():
    table = {
        "delimiter": "\t",
        "encoding": "utf-16",
        "rename": {"Qty": "qty"},
        "skip_lines": 3,
        "types": {"qty": "number"},
        "decimal": ",",
        "nulls": ["", "n/a"],
        "ragged": "pad",
    }
    assert msgspec.to_builtins(msgspec.convert(table, Csv)) == {**table, "nulls": ("", "n/a")}


@pytest.mark.parametrize(
    "table, sentence",
    [
        ({"delimiter": ":"}, "Invalid enum value"),
        ({"types": {"qty": "date"}}, "Invalid enum value"),
        ({"skip_lines": 1001}, "<= 1000"),
        ({"columns": ["a"]}, "columns need header = false; with a header, use rename"),
        ({"header": False}, "header = false needs the columns' names"),
        ({"header": False, "columns": ["a", "a"]}, "columns names a column twice"),
        (
            {"header": False, "columns": ["a"], "rename": {"a": "b"}},
            "rename needs a header; columns has the names already",
        ),
        (
            {"header": False, "columns": ["a"], "types": {"b": "text"}},
            "types names b, which columns does not",
        ),
        ({"rename": {"a": "c", "b": "c"}}, "rename gives two columns the same name"),
        (
            {"rename": {"Qty": "qty"}, "types": {"Qty": "integer"}},
            "types names Qty, which rename calls qty",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(table, sentence):
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(table, Csv)
    assert sentence in str(refused.value)


def test_two_columns_may_swap_their_names():
    table = {"rename": {"a": "b", "b": "a"}, "types": {"a": "text"}}
    assert msgspec.convert(table, Csv).types == {"a": "text"}
