"""How is the log audited, exported, and checked somewhere else, in what people type and read?"""

import json
import os
import re
import shutil
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.cli import noted
from daemon.cli.ending import Ended, Exit
from tests.cli.world import command, world
from tests.events.logs import note, tamper, write
from tests.events.samples import rows

pytestmark = [pytest.mark.requirement("X5"), pytest.mark.requirement("F3")]

README = Path(__file__).parents[2] / "README.md"
AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def daemon():
    with world("acme/weather", "acme/wide") as made:
        made.start()
        made.hear("sync-scheduled", reason="interval")
        made.rounds("sync", "acme/weather", "--wait")
        yield made


@pytest.fixture
def log(tmp_path):
    """Events 1 to 9 in three blocks of three, and what was noted of them elsewhere."""
    hashes = write(tmp_path, [rows(1, 3), rows(4, 6), rows(7, 9)])
    return tmp_path, [f"{3 * n}:{hash_.hex()}" for n, hash_ in enumerate(hashes, 1)]


def line(head: str, **more: object) -> dict[str, object]:
    seq, _, hash_ = head.partition(":")
    return {"seq": int(seq), "hash": hash_, "event": "log-head", "level": "info", **more}


def verify(daemon, directory, *words, **more):
    return daemon.rounds("log", "verify", "--state", str(directory), *words, **more)


# -- heads noted elsewhere ------------------------------------------------------------------------


def test_heads_may_be_given_again_and_again(daemon, log):
    directory, heads = log
    typed = verify(daemon, directory, *[word for head in heads for word in ("--head", head)])
    assert typed.code == 0
    assert "3 heads noted elsewhere: as in the log" in typed.out
    assert verify(daemon, directory, "--head", heads[0], "--json").document["heads"] == 1


@pytest.mark.parametrize(
    "given, said",
    [
        (f"0:{'ab' * 32}", "is the head of no log: events are numbered from 1"),
        (f"{'9' * 19}:{'ab' * 32}", "is not a head"),
        ("12:xyz", "is not a head"),
    ],
)
def test_what_is_no_head_is_not_passed_over(daemon, log, given, said):
    typed = verify(daemon, log[0], "--head", given)
    assert (typed.code, typed.out) == (2, "")
    assert said in typed.err


@pytest.mark.parametrize("words", [("export",), ("verify",), ("verify", "--json")], ids=" ".join)
def test_a_full_disk_behind_what_is_printed_is_one_sentence(daemon, log, words):
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            command("log", *words, "--state", str(log[0])), stdout=full, stderr=subprocess.PIPE,
            env=daemon.environment(), text=True, check=False,
        )  # fmt: skip
    assert ended.returncode == 1
    first, *more = ended.stderr.splitlines()
    assert first.startswith("rounds: there is no room for what this prints (No space left")
    assert len(more) == ("--json" in words)


def test_an_older_copy_is_told_with_the_time_of_what_is_gone(daemon, log, tmp_path_factory):
    directory, heads = log
    file = tmp_path_factory.mktemp("elsewhere") / "lines"
    file.write_text(json.dumps(line(heads[2], timestamp="2026-11-28T12:00:00Z")) + "\n")
    tamper(directory, "DELETE FROM event WHERE seq > 6", "DELETE FROM block WHERE last > 6")
    note(directory, 6, bytes.fromhex(heads[1].partition(":")[2]))
    assert verify(daemon, directory).code == 0
    typed = verify(daemon, directory, "--journal", str(file), "--json")
    assert typed.code == 1
    assert typed.document["kind"] == "old-copy"
    assert typed.document["good_until"] == 6
    assert "events 7 to 9 were written once and are gone" in typed.err
    assert f"a head was noted for event 9 ({file}, 2026-11-28 12:00:00 UTC)" in typed.err
    assert "an older copy was restored" in typed.err
    assert "all up to event 6 (2026-03-29 02:00:05)" in typed.err


@pytest.mark.parametrize(
    "statement, kind, said",
    [
        ("DELETE FROM event WHERE seq = 5", "missing-event", "event 5 is missing; all up to event"),
        ("UPDATE event SET at = 1 WHERE seq = 5", "changed", "the block of events 4 to 6 is not"),
        ("DELETE FROM block WHERE last = 6", "missing-block", "the block that follows event 3"),
    ],
)
def test_a_fault_is_said_with_what_is_good_and_what_to_do(daemon, log, statement, kind, said):
    directory, _ = log
    tamper(directory, statement)
    typed = verify(daemon, directory, "--json")
    assert typed.document["kind"] == kind
    assert said in typed.err
    assert "all up to event 3 (2026-03-29 02:00:02) is as it was written" in typed.err
    assert "restore the state directory from a backup" in typed.err


def test_what_no_hash_covers_is_said_with_what_to_do(daemon, log):
    directory, _ = log
    shutil.copy(directory / "log.mark", directory / "kept")
    (directory / "log.mark").write_text("soon\n")
    typed = verify(daemon, directory, "--json")
    assert (typed.code, typed.document["kind"], typed.document["mark"]) == (1, "damaged-mark", None)
    assert "stop roundsd, remove log.mark, and start it" in typed.err
    (directory / "kept").replace(directory / "log.mark")
    tamper(directory, "DROP INDEX event_subject")
    typed = verify(daemon, directory, "--json")
    assert (typed.code, typed.document["kind"], typed.document["mark"]) == (1, "damaged-index", 9)
    assert "sqlite3 log 'REINDEX event_subject'" in typed.err


def test_that_nothing_notes_the_end_is_said(daemon, log):
    directory, heads = log
    assert "log.mark" not in verify(daemon, directory).out
    (directory / "log.mark").unlink()
    typed = verify(daemon, directory)
    assert typed.code == 0
    assert "there is no log.mark beside it" in typed.out
    assert verify(daemon, directory, "--head", heads[2], "--json").document["mark"] is None


def test_the_heads_of_a_daemons_own_lines_agree_with_its_log():
    """From a first life, as they are, and as journald would hand them on."""
    with world("acme/weather") as made:
        made.start()
        made.hear("sync-scheduled", reason="interval")
        made.stop()
        mine = [each for each in made.said if each["event"] == "log-head"]
        assert mine
        text = "".join(json.dumps(each) + "\n" for each in made.said)
        typed = made.rounds("log", "verify", "--journal", "-", "--json", stdin=text)
        assert (typed.code, typed.document["heads"]) == (0, len(mine))
        entries = [
            {"MESSAGE": json.dumps(each), "__REALTIME_TIMESTAMP": "1764331200000000"}
            for each in made.said
        ]
        text = "".join(json.dumps(each) + "\n" for each in entries)
        typed = made.rounds("log", "verify", "--journal", "-", stdin=text)
        assert typed.code == 0
        assert "noted elsewhere: as in the log" in typed.out


def test_heads_are_found_in_whatever_a_journal_makes_of_a_line(tmp_path):
    hash_ = "ab" * 32
    said = json.dumps(line(f"7:{hash_}", timestamp=AT.isoformat()))
    micro = str(int(AT.timestamp()) * 1_000_000 + 1)
    lines = [
        said,
        f"Nov 28 12:00:00 host roundsd[1]: {said.replace('7', '8', 1)}",
        json.dumps(
            {"MESSAGE": [*said.replace("7", "9", 1).encode()], "__REALTIME_TIMESTAMP": micro}
        ),
        json.dumps({"event": "sync-started", "seq": 1}),
        "nothing of ours",
    ]
    (tmp_path / "file").write_text("\n".join(lines))
    found = noted.journal(str(tmp_path / "file"))
    assert [(each.seq, each.hash, each.at) for each in found] == [
        (7, hash_, AT), (8, hash_, AT), (9, hash_, AT.replace(microsecond=1)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        '{"event": "log-head", "seq": 0, "hash": "' + "ab" * 32 + '"}',
        '{"event": "log-head", "seq": 7, "hash": ""}',
        '{"event": "log-head", "seq": 7}',
        '{"MESSAGE": [999], "note": "log-head"}',
        '{"MESSAGE": null, "note": "log-head"}',
        "log-head {",
        "log-head",
        "",
    ],
)
def test_a_journal_without_a_head_proves_nothing_and_says_so(tmp_path, capsys, text):
    (tmp_path / "file").write_text(text)
    with pytest.raises(Ended) as ended:
        noted.journal(str(tmp_path / "file"))
    assert ended.value.exit is Exit.NOT_FOUND
    assert "no head is noted in" in ended.value.message
    assert ("are not understood" in capsys.readouterr().err) == bool(text)


def test_where_there_is_no_journal_a_sentence_says_so(daemon, log, tmp_path):
    typed = verify(daemon, log[0], "--journal", PATH=str(tmp_path))
    assert typed.code == 3
    assert "there is no journalctl on this host" in typed.err
    typed = verify(daemon, log[0], "--journal", str(tmp_path / "nowhere"))
    assert typed.code == 3
    assert "No such file" in typed.err


def test_a_journal_is_asked_where_there_is_one(daemon, log, tmp_path):
    directory, heads = log
    shown = json.dumps({"MESSAGE": json.dumps(line(heads[1])), "__REALTIME_TIMESTAMP": "1"})
    asked = tmp_path / "journalctl"
    asked.write_text(f"#!/bin/sh\ncat <<'END'\n{shown}\nEND\n")
    asked.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    assert verify(daemon, directory, "--journal", "--json", PATH=path).document["heads"] == 1


# -- exports --------------------------------------------------------------------------------------


def test_the_whole_log_of_a_running_daemon_goes_elsewhere_and_is_checked_there(daemon, tmp_path):
    file = tmp_path / "log.jsonl"
    typed = daemon.rounds("log", "export", "--output", str(file))
    assert typed.code == 0
    assert f"check it with `rounds log verify --file {file}`" in typed.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["log.jsonl"]
    elsewhere = {"ROUNDS_CONFIG": "/nowhere", "ROUNDS_SOCKET": "/nowhere"}
    report = daemon.rounds("log", "verify", "--file", str(file), "--json", **elsewhere).document
    assert (report["good"], report["proven"], report["first"]) == (True, "chain", 1)
    head = ("--head", report["head"])
    typed = daemon.rounds("log", "verify", "--file", str(file), *head, **elsewhere)
    assert "1 head noted elsewhere: as in the export" in typed.out
    state = ("--state", str(daemon.home.state))
    report = daemon.rounds("log", "verify", "--file", str(file), *state, "--json").document
    assert (report["good"], report["proven"]) == (True, "log")


def test_a_connections_events_go_out_by_name_or_number(daemon, tmp_path):
    named = daemon.rounds("log", "export", "--connection", "acme/weather", "--names")
    events = [each for each in named.lines if "seq" in each]
    (subject,) = {each["subject"] for each in events}
    assert {each["name"] for each in events} == {"acme/weather"}
    assert {each["event"]["type"] for each in events} >= {"connection-added", "sync-succeeded"}
    numbered = daemon.rounds("log", "export", "--connection", str(subject), ROUNDS_SOCKET="/no")
    assert [each["seq"] for each in numbered.lines if "seq" in each] == [
        each["seq"] for each in events
    ]
    file = tmp_path / "file"
    file.write_text(named.out)
    typed = daemon.rounds("log", "verify", "--file", str(file))
    assert typed.code == 0
    assert "what the events say is not proven" in typed.out
    assert daemon.rounds("log", "verify", "--file", str(file), "--json").document["proven"] == (
        "numbers"
    )
    typed = daemon.rounds("log", "verify", "--file", str(file), "--state", str(daemon.home.state))
    assert "every event is, byte for byte, what the log holds" in typed.out


def test_a_tenants_events_are_those_of_all_its_connections(daemon):
    events = [each for each in daemon.rounds("log", "export", "--tenant", "acme").lines[1:]
              if "seq" in each]  # fmt: skip
    added = [each for each in events if each["event"]["type"] == "connection-added"]
    assert len(added) == 2
    (tenant,) = {each["event"]["tenant"] for each in added}
    assert {each["subject"] for each in events} <= {tenant, *(each["subject"] for each in added)}
    both = daemon.rounds("log", "export", "--tenant", str(tenant), "--connection", "acme/wide")
    assert {each["subject"] for each in both.lines if "seq" in each} < {
        each["subject"] for each in events
    }


def test_what_a_file_says_was_asked_for_is_shown(daemon, log, tmp_path_factory):
    """Whoever can change the file can change its filter: only a person knows what was asked."""
    directory, _ = log
    file = tmp_path_factory.mktemp("into") / "file"
    state = ("--state", str(directory))
    words = ("log", "export", *state, "--output", str(file), "--force")
    asked = ("--connection", "0", "--type", "daemon-started", "--from", "2", "--to", "8")
    assert daemon.rounds(*words, *asked).code == 0
    typed = daemon.rounds("log", "verify", "--file", str(file), *state)
    said = "connections and tenants 0, types daemon-started, from event 2, to event 8"
    assert re.search(rf"^asked for +{said}$", typed.out, re.MULTILINE)
    report = daemon.rounds("log", "verify", "--file", str(file), "--json").document
    assert report["filter"] == {
        "first": 2, "last": 8, "subjects": [0], "types": ["daemon-started"],
    }  # fmt: skip
    assert daemon.rounds(*words).code == 0
    typed = daemon.rounds("log", "verify", "--file", str(file))
    assert re.search(r"^asked for +all of it$", typed.out, re.MULTILINE)
    report = daemon.rounds("log", "verify", "--file", str(file), "--json").document
    assert report["filter"] is None


def test_events_of_a_type_and_a_time(daemon):
    typed = daemon.rounds("log", "export", "--type", "sync-succeeded", "--type", "sync-started",
                          "--from", "-1h", "--to", "now")  # fmt: skip
    kinds = {each["event"]["type"] for each in typed.lines if "seq" in each}
    assert kinds == {"sync-succeeded", "sync-started"}
    assert "which only the log can prove" in typed.err


@pytest.mark.parametrize(
    "words, code, said",
    [
        (("--type", "sync-faild"), 2, "did you mean sync-failed?"),
        (("--type", "zzz"), 2, "`rounds log stats` shows which are"),
        (("--from", "soon"), 2, "is no moment"),
        (("--from", "99999"), 3, "no event lies there"),
        (("--to", "2001-01-01"), 3, "no event lies there"),
        (("--connection", "acme/nothing"), 3, "there is no connection acme/nothing"),
        (("--tenant", "nobody"), 3, "no connection of nobody is known"),
        (("--tenant", "9" * 20), 2, "none has so many digits"),
        (("--connection", "9" * 20), 2, "none has so many digits"),
        (("--connection", "0", "--tenant", "99"), 2, "is no connection of"),
        (("--output", "/nowhere/at/all"), 2, "there is no such directory"),
        (("--output", "/dev/null", "--force"), 2, "it is a link, a device or a pipe; name a file"),
        (("--output", "/dev/stdout"), 2, "leave --output out: it then goes to standard output"),
        (("--output", "-"), 2, "leave --output out: it then goes to standard output"),
        (("--state", "/nowhere"), 3, "there is no log at /nowhere/log"),
    ],
)
def test_what_cannot_be_exported_is_said(daemon, words, code, said):
    typed = daemon.rounds("log", "export", *words)
    assert (typed.code, typed.out) == (code, "")
    assert said in typed.err


def test_names_need_the_daemon_and_numbers_do_not(daemon):
    away = {"ROUNDS_SOCKET": "/no"}
    assert daemon.rounds("log", "export", "--names", **away).code == 5
    assert daemon.rounds("log", "export", "--tenant", "acme", **away).code == 5
    assert daemon.rounds("log", "export", "--tenant", "3", **away).code == 0


def test_an_export_takes_the_place_of_nothing_that_it_was_not_told_to(
    daemon, log, tmp_path_factory
):
    """No file without --force, and no pipe, link or file of roundsd's with it."""
    directory, _ = log
    into = tmp_path_factory.mktemp("into")
    file = into / "log.jsonl"
    words = ("log", "export", "--state", str(directory), "--output")
    assert daemon.rounds(*words, str(file)).code == 0
    whole = file.read_bytes()
    file.write_text("mine")
    typed = daemon.rounds(*words, str(file))
    assert typed.code == 2
    assert "there is such a file; name another one, or add --force" in typed.err
    assert file.read_text() == "mine"
    assert daemon.rounds(*words, str(file), "--force").code == 0
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (whole, 0o600)
    os.mkfifo(into / "pipe")
    (into / "link").symlink_to(file)
    held = (directory / "log").read_bytes()
    for refused in (into / "pipe", into / "link", directory / "log", directory / "log.mark"):
        typed = daemon.rounds(*words, str(refused), "--force")
        assert (typed.code, typed.out) == (2, ""), refused
        assert "nothing was exported to" in typed.err
    assert (directory / "log").read_bytes() == held
    assert stat.S_ISFIFO((into / "pipe").stat().st_mode)
    assert (into / "link").is_symlink()
    assert sorted(each.name for each in into.iterdir()) == ["link", "log.jsonl", "pipe"]


def test_a_damaged_log_leaves_no_file_behind(daemon, log, tmp_path_factory):
    directory, _ = log
    tamper(directory, "UPDATE event SET at = 1 WHERE seq = 8")
    into = tmp_path_factory.mktemp("into")
    typed = daemon.rounds("log", "export", "--state", str(directory), "--output", str(into / "f"))
    assert typed.code == 1
    assert "what was exported is not complete" in typed.err
    assert [*into.iterdir()] == []
    piped = daemon.rounds("log", "export", "--state", str(directory))
    assert piped.code == 1
    (into / "g").write_text(piped.out)
    assert "cut off" in daemon.rounds("log", "verify", "--file", str(into / "g")).err


def test_a_file_that_is_not_sound_is_said_with_what_to_do(daemon, log, tmp_path_factory):
    directory, _ = log
    file = tmp_path_factory.mktemp("into") / "file"
    text = daemon.rounds("log", "export", "--state", str(directory)).out
    file.write_text(text.replace('"seq":5,"at":1', '"seq":5,"at":2'))
    typed = daemon.rounds("log", "verify", "--file", str(file), "--json")
    assert typed.code == 1
    assert (typed.document["kind"], typed.document["good_until"]) == ("changed", 3)
    assert f"the export {file} is not sound: the block of events 4 to 6" in typed.err
    assert "up to event 3 it is as it was written; have the export made again" in typed.err
    file.write_text(text)
    typed = daemon.rounds("log", "verify", "--file", str(file), "--head", f"100:{'0' * 64}")
    assert "none vouches for it" in typed.out
    assert (
        "the log was rewritten"
        in daemon.rounds("log", "verify", "--file", str(file), "--head", f"9:{'0' * 64}").err
    )
    file.write_text("dear diary\n")
    assert (
        "cannot be checked: its first line"
        in daemon.rounds("log", "verify", "--file", str(file)).err
    )
    assert daemon.rounds("log", "verify", "--file", "/nowhere").code == 3


# -- nothing of ours ------------------------------------------------------------------------------


def by_hand(directory):
    """What the README's lines print, typed in the state directory."""
    (script,) = re.findall(r"```sh\n(previous=.*?)```", README.read_text(), re.DOTALL)
    run = subprocess.run(
        ["sh", "-c", script], cwd=directory, capture_output=True, text=True, check=True
    )
    return run.stdout


@pytest.mark.skipif(not shutil.which("basenc"), reason="needs basenc, of GNU coreutils 8.31")
def test_the_readmes_lines_find_the_head_and_the_block_that_was_changed(log):
    directory, heads = log
    assert by_hand(directory).lower() == f"{heads[2]}\n"
    tamper(directory, "UPDATE event SET at = at + 1 WHERE seq = 5")
    assert by_hand(directory) == "events 4 to 6 are not what was written\n"
