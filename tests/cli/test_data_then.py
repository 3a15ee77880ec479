"""What does `rounds data` show of then: versions, differences, exports?"""

import csv
import io
import json
import subprocess
from contextlib import closing

import pytest
from pyarrow import parquet

from tests.cli.world import command, world
from tests.e2e.daemon import ROOT
from tests.test_readme import blocks

HARD = 'a "b",\r\nc'
NESTED = [1, {"x": "ü"}]
ROWS = [
    {"date": "2026-01-01", "rain": 1, "wind": 0.5, "ok": True, "note": None, "big": 2**70},
    {"date": "2026-01-02", "rain": 2, "wind": 3, "ok": False, "note": HARD, "tags": NESTED},
    {"date": "2026-01-03", "rain": 3, "wind": 1.5, "ok": True, "note": "", "mixed": "=1+1"},
    {"date": "2026-01-04", "rain": 4, "wind": 2.5, "ok": True, "note": "@home", "mixed": 7},
]  # fmt: skip
LATER = [
    ROWS[0],
    {**ROWS[1], "rain": "2", "wind": None},
    {"date": "2026-01-05", "rain": 5},
    {name: value for name, value in ROWS[3].items() if name != "mixed"},
]


class Source:
    """What the provider has now."""

    def __init__(self):
        self.rows = ROWS

    def __call__(self, request, query):
        return 200, self.rows


class Then:
    """A daemon with three versions of one stream, and what each of them holds."""

    def __init__(self, made):
        self.made = made
        self.source = Source()
        self.versions = {}  # number → rows
        self.events = {}  # number → the event that recorded it

    def sync(self, rows):
        self.source.rows = rows
        if self.versions:
            assert self.made.rounds("sync", "acme/story", "--wait").code == 0
        ended = self.made.hear(
            "sync-succeeded", **({"sync": self._next()} if self.versions else {})
        )
        captured = self.made.hear("records-captured", sync=ended["sync"])
        self.versions[captured["version"]] = rows
        self.events[captured["version"]] = captured["seq"]

    def _next(self):
        """The last sync that succeeded."""
        with self.made.more:
            return [each for each in self.made.said if each["event"] == "sync-succeeded"][-1][
                "sync"
            ]

    def __call__(self, *words, **more):
        return self.made.rounds("data", *words, **more)

    @property
    def numbers(self):
        return sorted(self.versions)


@pytest.fixture(scope="module")
def then():
    with world("acme/story", "acme/broken") as made:
        made.home.provide(
            "story",
            made.provider.url,
            streams={"days": {"path": "/story", "primary_key": ["date"]}},
        )
        told = Then(made)
        made.provider.routes["/story"] = told.source
        made.start()
        made.hear("sync-failed")
        told.sync(ROWS)
        told.sync(LATER)
        told.sync(ROWS)
        yield told


STREAM = ("acme/story", "days")


@pytest.mark.requirement("X4")
def test_versions_are_listed_the_newest_first_with_what_the_log_knows(then):
    found = then("versions", *STREAM, "--json").lines
    assert [each["version"] for each in found] == then.numbers[::-1]
    assert [each["event"] for each in found] == [then.events[each] for each in then.numbers[::-1]]
    assert [each["rows"] for each in found] == [4, 4, 4]
    counts = [(each["added"], each["changed"], each["removed"]) for each in found]
    assert counts == [(1, 2, 1), (1, 2, 1), (4, 0, 0)]
    assert [each["marks"] for each in found] == [["current"], [], []]
    said = then("versions", *STREAM).out
    assert "3 versions; `rounds data show acme/story days --as-of v" in said
    assert "current" in said.splitlines()[1]
    assert then("versions", *STREAM, "--limit", "1").out.count("\n") == 4
    go_on = ("--limit", "1", "--before", str(then.numbers[2]), "--json")
    assert [each["version"] for each in then("versions", *STREAM, *go_on).lines] == [
        then.numbers[1]
    ]


@pytest.mark.requirement("X4")
def test_records_are_shown_as_they_stood(then):
    for version, rows in then.versions.items():
        event = then.events[version]
        for moment in (f"v{version}", str(event)):
            shown = then("show", *STREAM, "--as-of", moment, "--json", "--limit", "9").lines
            assert by_date(shown) == by_date(rows)
    first, second, third = then.numbers
    before = then("show", *STREAM, "--as-of", str(then.events[second] - 1), "--json").lines
    assert by_date(before) == by_date(ROWS), "the sync had started, and nothing was recorded yet"
    said = then("show", *STREAM, "--as-of", f"v{first}", "--limit", "2").out
    assert f"2 of 4 records, version {first} (from 20" in said
    assert f"event {then.events[first]}; now: {third})" in said


@pytest.mark.requirement("X4")
def test_a_time_means_the_version_that_was_in_force_at_it(then):
    recorded = {each["version"]: each["at"] for each in then("versions", *STREAM, "--json").lines}
    for version, rows in then.versions.items():
        shown = then("show", *STREAM, "--as-of", recorded[version], "--json").lines
        assert by_date(shown) == by_date(rows)
    assert by_date(then("show", *STREAM, "--as-of", "now", "--json").lines) == by_date(ROWS)


@pytest.mark.parametrize(
    "moment, code, said",
    [
        ("1", 3, "acme/story had no data in days at event 1 yet; its first version, "),
        ("-1d", 3, "nothing is known of 20"),
        ("999999", 3, "there is no event 999999 yet; the last one is "),
        ("2999-01-01", 2, "2999-01-01T00:00:00Z is yet to come"),
        ("yesterday", 2, "'yesterday' is no moment; write 2026-11-20 14:00"),
        (
            "v3",
            3,
            "acme/story has no version 3 of days; type: rounds data versions acme/story days",
        ),
    ],
)
def test_a_moment_without_data_is_told_what_is_wrong_with_it(then, moment, code, said):
    for words in (("show", "--json"), ("diff",), ("export", "--format", "jsonl")):
        typed = then(words[0], *STREAM, *words[1:], "--as-of", moment)
        assert (typed.code, typed.out) == (code, "")
        assert said in typed.err


@pytest.mark.parametrize("verb", ["versions", "diff", "show"])
def test_a_stream_without_data_is_told_so(then, verb):
    typed = then(verb, "acme/story", "nights")
    assert typed.code == 3
    assert "acme/story has no stream nights (it has: days)" in typed.err
    typed = then(verb, "acme/broken", "days")
    if verb == "show":
        assert (typed.code, typed.out) == (0, "acme/broken has no records in days\n")
    else:
        assert typed.code == 3
        assert "acme/broken has no data in days yet; nothing was synced" in typed.err


def change(version, what, key, record=None, fields=None):
    return {"change": what, "key": key, "version": version, "record": record, "fields": fields}


@pytest.mark.requirement("X4")
def test_a_difference_says_what_was_added_changed_and_removed(then):
    first, second, _ = then.numbers
    found = then("diff", *STREAM, "--to", f"v{second}", "--json").lines
    moved = {"rain": {"before": 2, "after": "2"}, "wind": {"before": 3, "after": None}}
    assert found == [
        change(second, "changed", "2026-01-02", fields=moved),
        change(second, "changed", "2026-01-04", fields={"mixed": {"before": 7}}),
        change(second, "added", "2026-01-05", record=LATER[2]),
        change(second, "removed", "2026-01-03", record=ROWS[2]),
    ]
    back = then("diff", *STREAM, "--as-of", f"v{second}", "--to", f"v{first}", "--json").lines
    assert sorted((each["change"], each["key"]) for each in back) == [
        ("added", "2026-01-03"),
        ("changed", "2026-01-02"),
        ("changed", "2026-01-04"),
        ("removed", "2026-01-05"),
    ]
    said = then("diff", *STREAM, "--to", str(then.events[second])).out
    assert '~ "2026-01-02"  rain: 2 → "2"  wind: 3 → null' in said
    assert '~ "2026-01-04"  mixed: gone, was 7' in said
    assert f"1 added, 2 changed, 1 removed from version {first} (20" in said


@pytest.mark.requirement("X4")
def test_a_difference_is_counted_paged_and_may_be_none(then):
    first, second, third = then.numbers
    counted = then("diff", *STREAM, "--summary", "--json").document
    assert [counted[name] for name in ("added", "changed", "removed")] == [1, 2, 1]
    assert (counted["as_of"]["version"], counted["to"]["version"]) == (second, third)
    assert counted["changes"] == []
    assert "1 added, 2 changed, 1 removed from version" in then("diff", *STREAM, "--summary").out
    same = then("diff", *STREAM, "--as-of", f"v{first}").out
    assert same.startswith(f"nothing differs from version {first} (")
    said = then("diff", *STREAM, "--limit", "1").out
    assert "1 of 4 records that differ; go on with --after '[" in said
    after = said.split("--after '")[1].split("'")[0]
    rest = then("diff", *STREAM, "--after", after, "--json").lines
    assert len(rest) == 3
    whole = then("diff", *STREAM, "--as-of", "v0", "--to", f"v{first}", "--json").lines
    assert [each["change"] for each in whole] == ["added"] * 4
    assert then("diff", *STREAM, "--to", f"v{first}").out.endswith(
        f" (20{after_year(then, first)}\n"
    )
    wrong = then("diff", *STREAM, "--after", "nonsense")
    assert (wrong.code, wrong.out) == (2, "")


def after_year(then, version):
    listed = then("versions", *STREAM, "--json").lines
    at = next(each["at"] for each in listed if each["version"] == version)
    return f"{at[2:10]} {at[11:19]}, event {then.events[version]})"


# -- exports --------------------------------------------------------------------------------------


def by_date(rows):
    return sorted(rows, key=lambda row: row["date"])


@pytest.mark.requirement("X4")
@pytest.mark.parametrize("which", [0, 1])
def test_json_lines_hold_every_record_as_it_was(then, which, tmp_path):
    version = then.numbers[which]
    path = tmp_path / "days.jsonl"
    words = ("export", *STREAM, "--format", "jsonl", "--as-of", f"v{version}")
    typed = then(*words, "--output", str(path))
    assert (typed.code, typed.err) == (0, "")
    assert f"4 records of version {version} (20" in typed.out
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert found == by_date(then.versions[version])
    assert path.stat().st_mode & 0o777 == 0o600
    assert then(*words).out == path.read_text()
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.requirement("X4")
def test_csv_is_read_back_as_it_was(then):
    typed = then("export", *STREAM, "--format", "csv", "--as-of", f"v{then.numbers[0]}")
    assert "2 cells may be run as a formula by a spreadsheet" in typed.err
    header, *rows = csv.reader(io.StringIO(raw(then, "csv", f"v{then.numbers[0]}"), newline=""))
    assert header == ["big", "date", "note", "ok", "rain", "wind", "tags", "mixed"]
    seen = [dict(zip(header, row, strict=True)) for row in rows]
    assert [each["note"] for each in seen] == ["", 'a "b",\r\nc', "", "@home"]
    assert [each["ok"] for each in seen] == ["true", "false", "true", "true"]
    assert [each["wind"] for each in seen] == ["0.5", "3", "1.5", "2.5"]
    assert json.loads(seen[1]["tags"]) == ROWS[1]["tags"]
    assert seen[0]["big"] == str(2**70)
    assert [each["mixed"] for each in seen] == ["", "", "=1+1", "7"]
    lines = raw(then, "csv", f"v{then.numbers[0]}").split("\r\n")
    assert lines[1].split(",")[2] == "", "null is an empty cell"
    assert ',"",' in lines[4], "and an empty text is not"


def test_formulas_are_altered_only_when_asked_for(then):
    text = raw(then, "csv", f"v{then.numbers[0]}", "--defuse")
    rows = [*csv.DictReader(io.StringIO(text, newline=""))]
    assert [each["mixed"] for each in rows] == ["", "", "'=1+1", "7"]
    assert rows[3]["note"] == "'@home"
    assert rows[1]["note"] == 'a "b",\r\nc'


def raw(then, format_, moment, *more):
    """What goes into a pipe, byte for byte."""
    line = command("data", "export", *STREAM, "--format", format_, "--as-of", moment, *more)
    run = subprocess.run(
        line, capture_output=True, check=True, env=then.made.environment(), cwd=ROOT
    )
    return run.stdout.decode() if format_ != "parquet" else run.stdout


@pytest.mark.requirement("X4")
def test_parquet_has_types_and_says_what_it_is(then, tmp_path):
    first = then.numbers[0]
    path = tmp_path / "days.parquet"
    words = (
        "export",
        *STREAM,
        "--format",
        "parquet",
        "--as-of",
        f"v{first}",
        "--output",
        str(path),
    )
    done = then(*words, "--json").document
    assert (done["version"], done["rows"], done["bytes"]) == (first, 4, path.stat().st_size)
    table = parquet.read_table(path)
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "big": "string",
        "date": "string",
        "note": "string",
        "ok": "bool",
        "rain": "int64",
        "wind": "double",
        "tags": "string",
        "mixed": "string",
    }
    encoded = [each.name for each in table.schema if each.metadata]
    assert encoded == ["big", "tags", "mixed"]
    for seen, row in zip(table.to_pylist(), ROWS, strict=True):
        for name in encoded:
            seen[name] = json.loads(seen[name]) if seen[name] is not None else None
        assert seen == {name: row.get(name) for name in types}
    facts = {name.decode(): text.decode() for name, text in table.schema.metadata.items()}
    assert facts["rounds.connection"] == "acme/story"
    assert facts["rounds.version"] == str(first)
    assert facts["rounds.event"] == str(then.events[first])
    piped = raw(then, "parquet", f"v{first}")
    assert piped == path.read_bytes(), "the same version is the same file"


def test_a_file_that_is_there_is_not_overwritten_unless_forced(then, tmp_path):
    path = tmp_path / "days.csv"
    path.write_text("dear diary")
    words = ("export", *STREAM, "--format", "csv", "--output", str(path))
    typed = then(*words)
    assert typed.code == 2
    assert "there is such a file; name another one, or add --force" in typed.err
    assert path.read_text() == "dear diary"
    assert then("export", *STREAM, "--output", str(path), "--force").code == 0  # by its name
    assert path.read_text().startswith("big,date")
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    "words, said",
    [
        (("--format", "jsonl", "--defuse"), "--defuse goes with --format csv"),
        (("--format", "csv", "--json"), "--json says what was written to --output FILE"),
        (("--format", "csv", "--output", "/nope/days.csv"), "there is no such directory"),
        (("--format", "csv", "--output", "/tmp"), "it is a directory"),
        ((), "say what to write with --format: csv, jsonl, parquet"),
        (("--output", "/tmp/days.xls"), "say what to write with --format: csv, jsonl, parquet"),
    ],
)
def test_an_export_that_cannot_be_is_refused_before_anything_is_asked(then, words, said):
    typed = then("export", *STREAM, *words)
    assert typed.code == 2
    assert said in typed.err


def test_without_pyarrow_it_is_said_what_to_type(then, tmp_path):
    """A `pyarrow` that cannot be imported stands before the real one."""
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    words = ("export", *STREAM, "--format", "parquet", "--output", str(tmp_path / "x"))
    typed = then(*words, PYTHONPATH=str(tmp_path))
    assert typed.code == 2
    assert "type: pip install pyarrow" in typed.err


@pytest.mark.requirement("X4")
def test_the_query_in_the_readme_reads_any_version_of_a_running_daemon(then):
    query = next(block for block in blocks("sql") if ":version" in block)
    with closing(then.made.home.open("data")) as connection:
        listed = connection.execute(
            "SELECT tenant, connection, provider, version, rows, current FROM versions "
            "WHERE connection = 'acme/story' AND stream = 'days' ORDER BY version"
        ).fetchall()
        last = then.numbers[-1]
        assert listed == [
            ("acme", "acme/story", "story", each, 4, each == last) for each in then.numbers
        ]
        for version, rows in then.versions.items():
            names = {"connection": "acme/story", "stream": "days", "version": version}
            found = [json.loads(body) for (body,) in connection.execute(query, names)]
            assert found == by_date(rows)


def test_the_query_works_in_the_command_line_shell_too(then):
    try:
        subprocess.run(["sqlite3", "--version"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no sqlite3 here")
    query = next(block for block in blocks("sql") if ":version" in block)
    names = {"connection": "'acme/story'", "stream": "'days'", "version": then.numbers[1]}
    lines = [f'.parameter set :{name} "{value}"' for name, value in names.items()]
    found = subprocess.run(
        ["sqlite3", "-readonly", then.made.home.state / "data"],
        input="\n".join([".parameter init", *lines, query]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "readonly" in found.stderr:
        pytest.skip("its parameters want to write")
    assert [json.loads(line) for line in found.stdout.splitlines()] == by_date(LATER)


# -- while syncs go on ----------------------------------------------------------------------------


@pytest.mark.requirement("X4")
def test_a_version_is_exported_whole_while_another_sync_comes_in_between(tmp_path):
    """The reader has had its first page when every record is replaced by another one."""
    many = [{"id": f"{n:05}", "turn": 1, "text": "x" * 100} for n in range(3000)]
    source = Source()
    source.rows = many
    with world("acme/many") as made:
        rows = {"path": "/many", "primary_key": ["id"]}
        made.home.provide("many", made.provider.url, streams={"rows": rows})
        made.provider.routes["/many"] = source
        made.start()
        made.hear("sync-succeeded")
        words = ("data", "export", "acme/many", "rows", "--format", "jsonl")
        with made.open(*words, bufsize=1, env=made.environment()) as process:
            first = process.stdout.readline()  # a pipe holds less than all: the rest is not asked
            source.rows = [{**each, "turn": 2} for each in many]
            assert made.rounds("sync", "acme/many", "--wait").code == 0
            rest = process.stdout.read()
        assert [json.loads(line) for line in (first + rest).splitlines()] == many
        shown = made.rounds("data", "show", "acme/many", "rows", "--limit", "1", "--json").document
        assert shown == source.rows[0]
