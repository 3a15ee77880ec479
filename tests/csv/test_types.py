"""Which types do columns get, over the rows of one report and over the reports of a stream?"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import csv_values
from daemon.csv_file import Csv
from daemon.csv_report import BadCsv, ColumnType
from daemon.csv_values import join
from tests.csv.reports import read

pytestmark = pytest.mark.requirement("B11")

ORDER = {
    None: {None, *ColumnType},
    ColumnType.INTEGER: {ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TEXT},
    ColumnType.NUMBER: {ColumnType.NUMBER, ColumnType.TEXT},
    ColumnType.BOOLEAN: {ColumnType.BOOLEAN, ColumnType.TEXT},
    ColumnType.TEXT: {ColumnType.TEXT},
}
"""type → itself and what it may widen to."""

types = st.sampled_from(list(ORDER))
values = st.one_of(
    st.sampled_from(
        ["", "0", "-0", "7", "007", "1.5", "1,5", "TRUE", "no", "1E5", "NaN", "٣", " 1"]
    ),
    st.integers(-(2**65), 2**65).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=5),
)
columns = st.lists(values, max_size=6)


def report(name, column):
    """A report of a key and one column."""
    quoted = (value.replace('"', '""') for value in column)
    rows = [f'"{key}","{value}"\n' for key, value in enumerate(quoted)]
    return f"id,{name}\n{''.join(rows)}".encode()


@given(types, types, types)
def test_it_does_not_matter_in_which_order_values_come(one, two, three):
    assert join(one, two) is join(two, one)
    assert join(one, join(two, three)) is join(join(one, two), three)
    assert join(one, one) is one


@given(types, types)
def test_a_join_has_both_and_is_the_narrowest_that_does(one, two):
    joined = join(one, two)
    assert joined in ORDER[one] & ORDER[two]
    assert ORDER[joined] == ORDER[one] & ORDER[two]


@given(st.lists(columns, min_size=1, max_size=5), st.data())
def test_types_only_widen_from_report_to_report(runs, data):
    known = {}
    for column in runs:
        name = data.draw(st.sampled_from(["qty", "other"]))
        survey, _ = read(report(name, column), Csv(delimiter=","), known)
        for each, before in known.items():
            assert survey.types[each] in ORDER[before], "what vanished is remembered too"
        known = survey.types


@given(columns, columns)
def test_the_order_of_reports_does_not_matter(one, two):
    def after(first, second):
        known = read(report("qty", first), Csv(delimiter=","))[0].types
        return read(report("qty", second), Csv(delimiter=","), known)[0].types.get("qty")

    assert after(one, two) is after(two, one)


@given(columns)
def test_a_second_run_finds_the_same(column):
    first = read(report("qty", column), Csv(delimiter=","))
    assert read(report("qty", column), Csv(delimiter=",")) == first
    assert read(report("qty", column), Csv(delimiter=","), first[0].types) == first


@given(columns)
def test_a_value_is_of_its_column_s_type_and_none_is_lost(column):
    survey, records = read(report("qty", column), Csv(delimiter=","))
    for value, record in zip(column, records, strict=True):
        match survey.types.get("qty"):
            case None:
                assert record["qty"] is None
            case _ if value == "":
                assert record["qty"] is None
            case ColumnType.INTEGER:
                assert str(record["qty"]) == value or value == "-0"
            case ColumnType.NUMBER:
                assert Decimal(str(record["qty"])) == Decimal(value)
            case ColumnType.BOOLEAN:
                assert str(record["qty"]).lower() == value.lower()
            case ColumnType.TEXT:
                assert record["qty"] == value


@pytest.mark.parametrize(
    "value, type_",
    [
        ("0", ColumnType.INTEGER),
        ("-12", ColumnType.INTEGER),
        ("9223372036854775807", ColumnType.INTEGER),
        ("9223372036854775808", ColumnType.TEXT),
        ("-9223372036854775809", ColumnType.TEXT),
        ("9" * 5000, ColumnType.TEXT),
        ("00", ColumnType.TEXT),
        ("+1", ColumnType.TEXT),
        ("1_0", ColumnType.TEXT),
        ("١٢", ColumnType.TEXT),
        ("1\n", ColumnType.TEXT),
        ("0.10", ColumnType.NUMBER),
        ("-1.5", ColumnType.NUMBER),
        ("123456789012.345", ColumnType.NUMBER),
        ("1234567890123.456", ColumnType.TEXT),
        ("0.000000000000001", ColumnType.NUMBER),
        (f"0.{'0' * 40}1", ColumnType.TEXT),
        ("1.", ColumnType.TEXT),
        (".5", ColumnType.TEXT),
        ("1,5", ColumnType.TEXT),
        ("1.2.3", ColumnType.TEXT),
        ("1E5", ColumnType.TEXT),
        ("nan", ColumnType.TEXT),
        ("True", ColumnType.BOOLEAN),
        ("fALSE", ColumnType.BOOLEAN),
        ("yes", ColumnType.TEXT),
        ("fal\u017fe", ColumnType.TEXT),
    ],
)
def test_a_type_is_found_with_caution(value, type_):
    assert csv_values.narrowest(value, ".") is type_


@pytest.mark.parametrize(
    "type_, value, out",
    [
        ("integer", " +007 ", 7),
        ("integer", "1.0", None),
        ("integer", "9223372036854775808", None),
        ("integer", "9" * 5000, None),
        ("number", "5", 5.0),
        ("number", " -,5 ", -0.5),
        ("number", "1,23E+05", 123000.0),
        ("number", "1E999", None),
        ("number", "1.5", None),
        ("number", "NaN", None),
        ("number", "9007199254740993", 2**53 + 1),
        ("number", "1" + "0" * 20, 1e20),
        ("boolean", " True", True),
        ("boolean", "1", None),
        ("text", "007", "007"),
    ],
)
def test_a_declared_type_forgives_more_and_refuses_the_rest(type_, value, out):
    csv = Csv(delimiter=";", decimal=",", types={"qty": ColumnType(type_)})
    content = f"id;qty\n1;{value}\n2;\n".encode()
    if out is None:
        with pytest.raises(BadCsv, match=r"row 2, column 2 of the report .* for qty;"):
            read(content, csv)
    else:
        survey, records = read(content, csv)
        assert [record["qty"] for record in records] == [out, None]
        assert type(records[0]["qty"]) is type(out)
        assert survey.types == {"id": "integer"}, "what is declared need not be remembered"


@pytest.mark.parametrize("content", [b"", b"\n", b"id\n", b"id,other\n1,2\n", b"id,qty\n1,\n"])
def test_a_report_that_says_nothing_of_a_column_leaves_what_was_known(content):
    survey, _ = read(content, known={"qty": "number"})
    assert survey.types["qty"] == "number"


def test_text_stays_text_where_one_report_holds_integers_only():
    survey, records = read(b"sku\n12\n", known={"sku": "text"})
    assert (survey.types, records) == ({"sku": "text"}, [{"sku": "12"}])


def test_a_nameless_last_column_that_was_known_is_kept():
    """Else the records would change their shape, and back, with what one report holds."""
    assert read(b"sku,\nA,\n", known={"column_2": "text"})[1] == [{"sku": "A", "column_2": None}]


def test_columns_that_vanished_are_remembered_but_not_without_end():
    known = {f"month_{number}": "integer" for number in range(5000)}
    survey, _ = read(b"sku\nA\n", known=known)
    assert len(survey.types) == 4000
    assert survey.types["sku"] == "text"
