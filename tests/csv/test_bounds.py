"""Does a report take more memory because it is long, and where does reading one end?"""

import tracemalloc

import pytest

from daemon import csv_delimiter, csv_report
from daemon.csv_file import COLUMNS_MAX, Csv
from daemon.csv_report import BadCsv
from daemon.csv_rows import FIELD_CHARS_MAX, ROW_CHARS_MAX
from tests.csv.reports import read

pytestmark = pytest.mark.requirement("B11")

MEGABYTE = 1024 * 1024
BLOCK = b'A-1,"Pot,\r\nround%s",1.50,\r\n' % (b"!" * 2000) * 100


class EndlessReport:
    """A file that is made up as it is read, and counts how."""

    def __init__(self, head: bytes, block: bytes, blocks: int):
        self.head, self.block, self.blocks = head, block, blocks
        self.read_max = 0
        self.taken = 0

    def seek(self, position):
        assert position == 0
        self.pending, self.left = self.head, self.blocks

    def read(self, size):
        assert size > 0, "nobody reads it whole"
        self.read_max = max(self.read_max, size)
        while len(self.pending) < size and self.left:
            self.pending += self.block
            self.left -= 1
        taken, self.pending = self.pending[:size], self.pending[size:]
        self.taken += len(taken)
        return taken


def peak(blocks):
    """The bytes that reading a report takes at most, and how many records it had."""
    file = EndlessReport(b"sku,name,price,\r\n", BLOCK, blocks)
    tracemalloc.start()
    survey = csv_report.survey(file, Csv(), {})
    count = sum(len(batch) for batch in csv_report.records(file, Csv(), survey, 500))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.read_max <= 64 * 1024
    assert file.taken > 3 * len(BLOCK) * blocks, "encoding, survey, records: three times through"
    assert count == survey.rows
    return most, count


def test_a_long_report_takes_no_more_memory_than_a_short_one():
    peak(blocks=1)  # what is imported and compiled at the first time
    short, rows_of_short = peak(blocks=25)
    long, rows_of_long = peak(blocks=80)
    assert (rows_of_short, rows_of_long) == (2_500, 8_000)
    assert long < short + 0.25 * MEGABYTE, "of sixteen"
    assert long < 8 * MEGABYTE


def test_long_rows_come_fewer_at_once():
    """A thousand rows of a megabyte would be a gigabyte."""
    content = b"sku,note\n" + b"A-1," + b"x" * 200_000 + b"\n"
    for _ in range(5):
        content += content.partition(b"\n")[2]
    file = EndlessReport(content, b"", 0)
    survey = csv_report.survey(file, Csv(), {})
    sizes = [len(batch) for batch in csv_report.records(file, Csv(), survey)]
    assert sum(sizes) == survey.rows == 32
    assert len(sizes) == 1

    wide = b",".join(b"c%d" % i for i in range(2000)) + b"\n" + (b"1," * 1999 + b"1\n") * 100
    file = EndlessReport(wide, b"", 0)
    survey = csv_report.survey(file, Csv(), {})
    assert max(len(batch) for batch in csv_report.records(file, Csv(), survey)) < 50


def refused_after(head, block):
    """The sentence, and the bytes taken, of a report of ten megabytes."""
    file = EndlessReport(head, block, blocks=100)
    csv = Csv(encoding="utf-8", delimiter=",")
    with pytest.raises(BadCsv) as refused:
        csv_report.survey(file, csv, {})
    return str(refused.value), file.taken


def test_a_line_without_end_is_refused_before_it_is_read():
    sentence, taken = refused_after(b"sku,note\n", b"x" * 100_000)
    assert f"longer than {ROW_CHARS_MAX} characters" in sentence
    assert taken < 2 * ROW_CHARS_MAX


def test_long_lines_are_few_where_the_delimiter_is_looked_for():
    file = EndlessReport(b"sku,note\n", b"A-1," + b"x" * 200_000 + b"\n", blocks=100)
    assert csv_delimiter.find(file, "utf-8", Csv()) == ","
    assert file.taken < MEGABYTE


def test_a_quote_that_is_never_closed_does_not_swallow_the_report():
    sentence, taken = refused_after(b'sku,note\nA-1,"', b"A-2,sturdy\n" * 10_000)
    assert f"row 2 of the report has a field longer than {FIELD_CHARS_MAX} characters" in sentence
    assert taken < 2 * ROW_CHARS_MAX


def test_a_row_without_end_is_refused_though_its_lines_and_fields_are_short():
    sentence, taken = refused_after(b'sku,note\nA-1,"', b'x\n","' * 10_000)
    assert f"row 2 of the report is longer than {ROW_CHARS_MAX} characters" in sentence
    assert taken < 2 * ROW_CHARS_MAX


def test_the_longest_field_and_row_are_read():
    field = "x" * (FIELD_CHARS_MAX - 1)
    _, records = read(f"a,b,c\n{field},{field},{field}\n".encode())
    assert records == [{"a": field, "b": field, "c": field}]


def test_thousands_of_columns_are_read_and_more_refused():
    def wide(columns):
        header = ",".join(f"c{number}" for number in range(columns))
        return f"{header}\n{'1,' * (columns - 1)}1\n".encode()

    _, records = read(wide(COLUMNS_MAX))
    assert len(records[0]) == COLUMNS_MAX
    with pytest.raises(BadCsv, match=f"has {COLUMNS_MAX + 1} columns, and at most {COLUMNS_MAX}"):
        read(wide(COLUMNS_MAX + 1))


def test_as_many_delimiters_as_a_spreadsheet_has_columns_are_no_columns():
    _, records = read(b"sku" + b"," * 16_383 + b"\nA-1" + b"," * 16_383 + b"\n")
    assert records == [{"sku": "A-1"}]
    with pytest.raises(
        BadCsv, match=f"row 2 .* more fields than there are columns \\({COLUMNS_MAX}"
    ):
        read(b"sku" + b"," * 16_383 + b"\nA-1" + b"," * 16_383 + b"5\n")


def test_thousands_of_columns_of_one_name_have_names_of_their_own():
    header = ",".join(["x"] * COLUMNS_MAX)
    survey, _ = read(f"{header}\n".encode())
    assert len(set(survey.columns)) == COLUMNS_MAX


def test_a_text_is_no_name():
    with pytest.raises(BadCsv, match="row 1, column 2 of the report should be a column's name"):
        read(b"sku," + b"x" * 257 + b"\n")


@pytest.mark.parametrize("offset", range(4))
@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_it_does_not_matter_where_a_chunk_ends(offset, end):
    """Inside a line end, a character of three bytes, a quote."""
    row = f'"{"x" * (64 * 1024 - 30 + offset)}",€{end}"""{end}",€{end}'
    _, records = read(f"note,sign{end}{row * 3}".encode())
    assert [record["sign"] for record in records] == ["€"] * 6
    assert [record["note"] for record in records[1::2]] == [f'"{end}'] * 3


@pytest.mark.parametrize("earlier, found", [("x", "windows-1252"), ("é", None)])
def test_damaged_utf8_is_told_from_windows_1252_however_far_the_damage(earlier, found):
    content = f"note\n{earlier}\n".encode() + b"x\n" * 100_000 + b"\xe9\n"
    if found is None:
        with pytest.raises(BadCsv, match="it begins as UTF-8 and does not go on so"):
            read(content)
    else:
        survey, records = read(content)
        assert survey.encoding == found
        assert records[-1] == {"note": "é"}
