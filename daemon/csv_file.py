"""How is a CSV report read, as its provider's file declares it?"""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from daemon.csv_values import ColumnType, Decimal
from daemon.file_table import Table, Text

COLUMNS_MAX = 2000  # as many as a table of SQLite has

Delimiter: TypeAlias = Literal[",", ";", "\t", "|"]
Encoding: TypeAlias = Literal["utf-8", "utf-16", "windows-1252", "iso-8859-1", "iso-8859-15"]


class Csv(Table, frozen=True, kw_only=True):
    """A stream's answer is CSV: a header, then a row a record.

    Where `delimiter` or `encoding` is not said, it is found in each report anew; a byte order mark
    counts more than what is said. `columns` are the fields' names where there is no header.
    `rename` leads from a header's name, as it is shown once cleaned, to the field's name; `types`
    goes by the field's name. A column that either of them names must be in every report.
    `skip_lines` stand before the header, a first line `sep=;` among them. Values listed in `nulls`
    are null. A row with fewer fields than the header has names is refused, for so ends a report
    that was cut off; with `ragged = "pad"` what it lacks is null, as with providers that leave out
    empty fields at a row's end.
    """

    delimiter: Delimiter | None = None
    encoding: Encoding | None = None
    header: bool = True
    columns: Annotated[tuple[Text, ...], Meta(max_length=COLUMNS_MAX)] = ()
    rename: dict[Text, Text] = msgspec.field(default_factory=dict)
    skip_lines: Annotated[int, Meta(ge=0, le=1000)] = 0
    types: dict[Text, ColumnType] = msgspec.field(default_factory=dict)
    decimal: Decimal = "."
    nulls: tuple[str, ...] = ("",)
    ragged: Literal["refuse", "pad"] = "refuse"

    def __post_init__(self) -> None:
        if self.header:
            self._check_with_header()
        else:
            self._check_without_header()

    def _check_with_header(self) -> None:
        if self.columns:
            raise ValueError("columns need header = false; with a header, use rename")
        fields = list(self.rename.values())
        if len(set(fields)) < len(fields):
            raise ValueError("rename gives two columns the same name")
        for name in self.types:
            if name in self.rename and name not in fields:
                raise ValueError(f"types names {name}, which rename calls {self.rename[name]}")

    def _check_without_header(self) -> None:
        if not self.columns:
            raise ValueError("header = false needs the columns' names")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns names a column twice")
        if self.rename:
            raise ValueError("rename needs a header; columns has the names already")
        for name in self.types:
            if name not in self.columns:
                raise ValueError(f"types names {name}, which columns does not")
