"""What comes out of ugly reports? One line for each: the file, what is ugly, what must come out."""

from typing import NamedTuple

import pytest

from daemon.csv_file import Csv
from daemon.csv_report import BadCsv
from tests.csv.reports import CORPUS, read

pytestmark = pytest.mark.requirement("B11")


class Case(NamedTuple):
    name: str
    ugly: str
    out: list[dict] | str
    csv: Csv = Csv()


POT = [{"SKU": "A-1", "Qty": 5}, {"SKU": "A-2", "Qty": 6}]
HOT = [{"SKU": "A-1", "Name": "Jalapeño"}]
UTF16 = Csv(encoding="utf-16")
PAD = Csv(ragged="pad")

ENCODINGS = [
    Case("bom_utf8", "a mark before the first name", HOT),
    Case("bom_utf8", "a mark that belies the file", HOT, Csv(encoding="windows-1252")),
    Case("bom_twice", "two marks, then a quote", [{"SKU": "A-1", "Name": "Crème"}]),
    Case(
        "bom_and_data",
        "a mark, a quote, and no header",
        [{"sku": "A-1, old", "qty": 5}, {"sku": "A-2", "qty": 6}],
        Csv(header=False, columns=("sku", "qty")),
    ),
    Case("bom_and_sep_line", "a mark before Excel's", [{"SKU": "A-1", "Name": "Pot, round"}]),
    Case("bom_utf16_le", "Excel's Unicode text", [{"SKU": "A-1", "Name": "Jalapeño 🌶"}]),
    Case("bom_utf16_be", "the other byte order", HOT),
    Case("utf16_unmarked", "no mark", "row 1 of the report holds NUL characters"),
    Case("utf16_unmarked", "no mark, declared", [{"SKU": "A-1", "Name": "Crème"}], UTF16),
    Case("utf16_cut", "half a character at the end", "it is not valid utf-16-le"),
    Case("utf16_lone_surrogate", "half a pair", "it is not valid utf-16-le"),
    Case(
        "windows_1252",
        "a spreadsheet's own encoding",
        [{"SKU": "A-1", "Name": "Crème “brûlée”", "Price": "3 €"}],
    ),
    Case("latin_9", "not to be told apart", [{"SKU": "A-1", "Price": "3 ¤"}]),
    Case("latin_9", "so declared", [{"SKU": "A-1", "Price": "3 €"}], Csv(encoding="iso-8859-15")),
    Case("no_encoding", "bytes that nobody uses", "neither UTF-8 nor windows-1252"),
    Case("utf8_damaged", "one wrong byte", "it begins as UTF-8 and does not go on so"),
    Case("utf8_damaged", "which is declared", "it is not valid utf-8", Csv(encoding="utf-8")),
    Case("utf8_cut", "half a character at the end", "damaged or cut off"),
    Case("nul", "a NUL in a name", "row 3 of the report holds NUL characters"),
]

LINES = [
    Case("ends_cr", "lines end as on an old Macintosh", POT),
    Case("ends_mixed", "all three ends", [*POT, {"SKU": "A-3", "Qty": 7}]),
    Case("ends_doubled", "CR CR LF", POT),
    Case(
        "ends_unicode",
        "characters that only Unicode takes for ends",
        [{"SKU": "A-1", "Name": "one\u2028two\x0bthree\x85four"}],
    ),
    Case("no_final_end", "the last line has no end", POT),
    Case("blank_rows", "blank lines and rows of delimiters", POT),
    Case("nothing", "zero bytes", []),
    Case("nothing_but_bom", "a mark and nothing else", []),
    Case("nothing_but_space", "white space and nothing else", []),
]

QUOTES = [
    Case(
        "quoted_ends",
        "line ends inside quotes",
        [
            {"SKU": "A-1", "Note": "fragile,\r\nkeep upright\n\rplease"},
            {"SKU": "A-2", "Note": None},
        ],
    ),
    Case(
        "quotes_doubled",
        "quotes inside quotes",
        [{"SKU": "A-1", "Size": '5" pot, "round"'}, {"SKU": "A-2", "Size": '"'}],
    ),
    Case(
        "quotes_unasked",
        "quotes in fields that are not quoted",
        [{"SKU": "A-1", "Size": '5" pot'}, {"SKU": "A-2", "Size": ' "6"'}],
    ),
    Case("quote_unclosed", "cut off inside quotes", "ends inside quotes that row 2 opens"),
    Case("quote_followed", "a text after quotes", "row 3 of the report goes on after a closing"),
]

WIDTHS = [
    Case("delimiter_at_every_end", "a delimiter at each row's end", POT),
    Case("delimiter_at_rows_ends", "delimiters at some rows' ends", POT),
    Case("delimiter_at_headers_end", "delimiters at the header's end", POT),
    Case(
        "nameless_last_column",
        "a value below no name, in one row",
        [{"SKU": "A-1", "Qty": 5, "column_3": None}, {"SKU": "A-2", "Qty": 6, "column_3": "check"}],
    ),
    Case("row_too_short", "a row ends early", "row 3 of the report has 1 of 3 fields"),
    Case(
        "row_too_short",
        "which is declared",
        [
            {"SKU": "A-1", "Qty": 5, "Name": "Pot"},
            {"SKU": "A-2", "Qty": None, "Name": None},
            {"SKU": "A-3", "Qty": 7, "Name": "Pan"},
        ],
        PAD,
    ),
    Case("row_cut", "cut off inside a row", "row 3 of the report has 2 of 3 fields"),
    Case(
        "row_too_long",
        "a value too many",
        "row 3 of the report has more fields than there are columns (2)",
    ),
    Case("row_too_long", "padding loses nothing", "more fields than there are columns (2)", PAD),
    Case("subtotal", "a last row of another kind", "row 3 of the report has 2 of 3 fields"),
]

HEADERS = [
    Case(
        "header_duplicates",
        "one name four times, a turn taken already",
        [{"Qty": 1, "SKU": "A-1", "Qty_3": 2, "qty": 3, "Qty_2": 4, "Qty_4": 5}],
    ),
    Case(
        "header_gaps",
        "names missing, a place's name taken already",
        [{"SKU": "A-1", "column_2_2": "x", "Qty": 5, "column_2": "y", "column_5": "z"}],
    ),
    Case(
        "header_untidy",
        "spaces, quotes and a line end in names",
        [{"SKU": "A-1", "Qty": 5, "Unit price": 1.5, "Name (long)": "Pot"}],
    ),
    Case(
        "header_untidy",
        "renamed as they are shown",
        [{"SKU": "A-1", "Qty": 5, "price": 1.5, "Name (long)": "Pot"}],
        Csv(rename={"Unit price": "price"}),
    ),
    Case(
        "header_duplicates",
        "a name given to another column",
        [{"Qty_5": 1, "Qty": "A-1", "Qty_3": 2, "qty": 3, "Qty_2": 4, "Qty_4": 5}],
        Csv(rename={"SKU": "Qty"}),
    ),
    Case("header_only", "no rows at all", []),
    Case("header_only", "a column is gone", 'no column "Price"', Csv(rename={"Price": "price"})),
    Case("header_only", "a typed one is gone", 'no column "Price"', Csv(types={"Price": "text"})),
    Case("header_again", "the header in the middle again", POT),
    Case("blank_header", "delimiters for a header", "row 1 of the report should be the header"),
    Case(
        "blank_header",
        "skipped",
        [{"SKU": "A-1", "Qty": 5, "Name": "Pot"}],
        Csv(skip_lines=1),
    ),
    Case("preamble", "a title, torn quotes", [{"SKU": "A-1", "Qty": 5}], Csv(skip_lines=3)),
    Case(
        "no_header",
        "no header",
        [{"sku": "A-1", "qty": 5, "on": True}, {"sku": "A-2", "qty": 6, "on": False}],
        Csv(header=False, columns=("sku", "qty", "on")),
    ),
    Case(
        "no_header",
        "more fields than declared names",
        "row 1 of the report has more fields than there are columns (2)",
        Csv(header=False, columns=("sku", "qty")),
    ),
]

DELIMITERS = [
    Case("sep_line", "Excel's first line", [{"SKU": "A-1", "Name": "Pot, round"}]),
    Case(
        "sep_line",
        "which is one of the lines to skip",
        [{"SKU": "A-1", "Name": "Pot, round"}],
        Csv(skip_lines=1, delimiter=";"),
    ),
    Case("sep_line_strange", "which says something else", "names a delimiter that is not read"),
    Case("pipes", "the others in a text", [{"SKU": "A-1", "Name": "Pot, round; blue"}]),
    Case("tabs", "tabs", [{"SKU": "A-1", "Name": "Pot, round", "Note": None}]),
    Case("one_column", "nothing to be found", [{"SKU": "A-1"}, {"SKU": "A-2"}]),
    Case("one_column_with_commas", "only texts", [{"Name": "Pot, round"}, {"Name": "Pan"}]),
    Case(
        "one_column_with_commas",
        "declared otherwise",
        "row 2 of the report has more fields than there are columns (1)",
        Csv(delimiter=","),
    ),
]

VALUES = [
    Case(
        "not_integers",
        "what Python's int takes, and what a spreadsheet makes of numbers",
        [
            {
                "SKU": "007",
                "Plus": "+5",
                "Space": "5 ",
                "Score": "1_000",
                "Digits": "١٢",
                "Group": "1,000",
                "Big": "9223372036854775808",
                "Exponent": "1E5",
                "Ok": -(2**63),
            },
            {
                "SKU": "7",
                "Plus": "5",
                "Space": "5",
                "Score": "1",
                "Digits": "12",
                "Group": "1",
                "Big": "1",
                "Exponent": "1",
                "Ok": 2**63 - 1,
            },
        ],
    ),
    Case(
        "not_numbers",
        "what Python's float takes, and more digits than it keeps",
        [
            {
                "A": "NaN",
                "B": "Infinity",
                "C": "1e5",
                "D": ".5",
                "E": "00.5",
                "F": "0.12345678901234567",
                "Ok": -0.5,
            },
            {**dict.fromkeys("ABCDEF", "1.5"), "Ok": 1500.25},
        ],
    ),
    Case(
        "decimal_comma",
        "a comma for a point",
        [
            {"Artikel": "0815", "Preis": "1,50", "Menge": "3"},
            {"Artikel": "4711", "Preis": "-2,25", "Menge": "4,5"},
        ],
    ),
    Case(
        "decimal_comma",
        "which is declared",
        [
            {"Artikel": "0815", "Preis": 1.5, "Menge": 3.0},
            {"Artikel": "4711", "Preis": -2.25, "Menge": 4.5},
        ],
        Csv(decimal=","),
    ),
    Case(
        "decimal_comma",
        "and does not fit",
        'row 2, column 2 of the report is not of the type "integer" that types declares for Preis',
        Csv(decimal=",", types={"Preis": "integer"}),
    ),
    Case(
        "formulas",
        "what a spreadsheet would run",
        [
            {"SKU": "A-1", "Note": "=1+1"},
            {"SKU": "A-2", "Note": '=HYPERLINK("x")'},
            {"SKU": "A-3", "Note": "@x"},
            {"SKU": "A-4", "Note": "-2+3"},
        ],
    ),
    Case(
        "nulls",
        "words for nothing",
        [
            {"SKU": "A-1", "Qty": None, "Name": "", "Price": None},
            {"SKU": "A-2", "Qty": 5, "Name": None, "Price": 1.5},
        ],
        Csv(nulls=("NULL", "n/a")),
    ),
    Case(
        "booleans",
        "two spellings, a column that is not all boolean, an empty one",
        [
            {"SKU": "A-1", "Active": True, "Odd": "true", "Empty": None},
            {"SKU": "A-2", "Active": False, "Odd": "yes", "Empty": None},
            {"SKU": "A-3", "Active": None, "Odd": "false", "Empty": None},
        ],
    ),
]

FOREIGN = [
    Case("web_page", "a form to log in", "answered with a web page or XML instead of CSV"),
    Case("json_error", "an error", "answered with JSON instead of CSV"),
    Case("workbook", "a spreadsheet's own file", "answered with a workbook"),
]

CASES = [*ENCODINGS, *LINES, *QUOTES, *WIDTHS, *HEADERS, *DELIMITERS, *VALUES, *FOREIGN]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.name}: {case.ugly}" for case in CASES])
def test_an_ugly_report_is_read_or_refused(case):
    if isinstance(case.out, str):
        with pytest.raises(BadCsv) as refused:
            read(CORPUS[case.name], case.csv)
        assert case.out in str(refused.value)
        return
    _, records = read(CORPUS[case.name], case.csv)
    assert records == case.out
    assert [list(record) for record in records] == [list(record) for record in case.out]
    assert [typed(record) for record in records] == [typed(record) for record in case.out]


def typed(record):
    """Types too: 3 == 3.0, and True == 1."""
    return [type(value) for value in record.values()]


def test_every_report_in_the_corpus_has_its_line():
    assert {case.name for case in CASES} == set(CORPUS)
