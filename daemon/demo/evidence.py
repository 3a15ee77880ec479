"""What do the daemon's files themselves say: is the log whole, is a key in them, which rows?"""

from contextlib import closing
from pathlib import Path

from msgspec import Struct

from events import reading, verify
from events.verify import Verdict


class Search(Struct, frozen=True, kw_only=True):
    """In how many files texts were looked for, and in which any of them was found."""

    files: int
    bytes: int
    found: list[str]


class Table(Struct, frozen=True, kw_only=True):
    columns: list[str]
    rows: list[tuple[object, ...]]


def check_log(state: Path) -> Verdict:
    """Check every block of the log, while the daemon may be writing it."""
    with closing(reading.open_for_reading(state / "log")) as log:
        *_, verdict = verify.verify(log, verify.read_mark(state))
    return verdict


def search(directory: Path, *texts: str) -> Search:
    """Look for texts in every file below a directory, as they are and in hexadecimal."""
    plain = [text.encode() for text in texts]
    ways = [*plain, *(each.hex().encode() for each in plain)]
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    contents = {path: path.read_bytes() for path in files}
    return Search(
        files=len(files),
        bytes=sum(map(len, contents.values())),
        found=[path.name for path, held in contents.items() if any(way in held for way in ways)],
    )


def select(state: Path, statement: str) -> Table:
    """Ask the data store in SQL, as anybody may who can read the file."""
    with closing(reading.open_for_reading(state / "log")) as reader:  # and the data beside it
        reader.execute("ATTACH ? AS data", (f"{(state / 'data').as_uri()}?mode=ro",))
        cursor = reader.execute(statement)
        return Table(columns=[each[0] for each in cursor.description], rows=cursor.fetchall())
