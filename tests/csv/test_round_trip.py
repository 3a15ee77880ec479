"""Is what a CSV writer writes read back, in every dialect and encoding?"""

import codecs
import csv
import io
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.csv_file import Csv
from daemon.csv_report import ColumnType
from tests.csv.reports import read

pytestmark = pytest.mark.requirement("B11")

ENCODINGS = {
    "utf-8": ("utf-8", b""),
    "utf-8 with a mark": ("utf-8", codecs.BOM_UTF8),
    "utf-16-le": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-16-be": ("utf-16-be", codecs.BOM_UTF16_BE),
    "windows-1252": ("windows-1252", b""),
    "iso-8859-1": ("iso-8859-1", b""),
    "iso-8859-15": ("iso-8859-15", b""),
}
NAMES = ["sku", "name", "qty", "price", "note"]


@st.composite
def written(draw, texts):
    """(bytes, rows, delimiter, encoding's name) of a report as a writer writes it."""
    encoding = draw(st.sampled_from(list(ENCODINGS)))
    delimiter = draw(st.sampled_from(",;\t|"))
    codec, mark = ENCODINGS[encoding]
    width = draw(st.integers(1, 5))
    fields = texts(codec)
    rows = draw(st.lists(st.lists(fields, min_size=width, max_size=width), max_size=8))
    header = NAMES[:width]
    rows = [row for row in rows if "".join(row).strip() and row != header]
    end = draw(st.sampled_from(["\r\n", "\n", "\r"]))
    # the writer quotes the line ends that it writes itself, not the others
    quoting = draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])) if end == "\r\n" else 1
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([header, *rows])
    return mark + file.getvalue().encode(codec), rows, delimiter, encoding


@cache
def any_text(codec):
    """Mostly what is awkward."""
    awkward = st.sampled_from(list(",;\t|\"'\r\n =07"))
    others = st.characters(codec=codec, exclude_characters="\0")
    return st.text(st.one_of(awkward, others), max_size=6)


@cache
def plain_text(codec):
    return st.text(st.characters(codec=codec, categories=["L", "N"]), min_size=1, max_size=6)


@given(written(any_text))
def test_all_texts_are_read_back(case):
    content, rows, delimiter, encoding = case
    declared = encoding if encoding in {"windows-1252", "iso-8859-1", "iso-8859-15"} else None
    names = NAMES[: len(rows[0])] if rows else []
    table = Csv(
        delimiter=delimiter,
        encoding=declared,
        nulls=(),
        types=dict.fromkeys(names, ColumnType.TEXT),
    )
    _, records = read(content, table)
    assert [list(record.values()) for record in records] == rows


@given(written(plain_text))
def test_delimiter_and_encoding_are_found(case):
    content, rows, delimiter, encoding = case
    assume(rows and len(rows[0]) > 1)
    survey, records = read(content)
    assert survey.delimiter == delimiter
    assert [list(record) for record in records] == [NAMES[: len(row)] for row in rows]
    if not content.isascii() and encoding.startswith("utf"):
        assert survey.encoding == ENCODINGS[encoding][0]


@given(written(any_text), st.integers(1, 4))
def test_it_does_not_matter_how_many_records_are_taken_at_once(case, size):
    content, _, delimiter, encoding = case
    declared = encoding if encoding in {"windows-1252", "iso-8859-1", "iso-8859-15"} else None
    table = Csv(delimiter=delimiter, encoding=declared)
    assert read(content, table, size=size) == read(content, table)
