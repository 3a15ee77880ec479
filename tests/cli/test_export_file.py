"""Is what an export leaves in a directory one whole file, or nothing, however it ends?"""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.cli import export_file
from daemon.cli.ending import Ended, Exit

pytestmark = pytest.mark.requirement("F3")

HALF = """
import sys
from pathlib import Path
from daemon.cli import export_file
if sys.argv[2] == "named":
    export_file.os.O_TMPFILE = 0
with export_file.writing(Path(sys.argv[1]), force=False) as file:
    file.write(b"half of it")
    file.flush()
    print("half", flush=True)
    sys.stdin.read()
"""
WAYS = ["unnamed", "named"]


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """On a file system that knows files without names, and on one that does not."""
    if request.param == "named":
        monkeypatch.setattr(export_file.os, "O_TMPFILE", 0)
    return request.param


@pytest.mark.parametrize("force", [True, False])
def test_it_is_there_at_the_end_and_not_before(way, tmp_path, force):
    file = tmp_path / "file"
    with export_file.writing(file, force=force) as part:
        part.write(b"all of it")
        assert not file.exists()
        assert [*tmp_path.iterdir()] == [] or way == "named"
    assert file.read_bytes() == b"all of it"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [file]


def test_what_somebody_put_there_meanwhile_stays(way, tmp_path):
    file = tmp_path / "file"

    def late() -> None:
        with export_file.writing(file, force=False) as part:
            part.write(b"all of it")
            file.write_text("theirs")

    with pytest.raises(Ended, match="there is such a file"):
        late()
    assert file.read_text() == "theirs"
    assert [*tmp_path.iterdir()] == [file]


def test_what_was_there_stays_where_it_fails(way, tmp_path):
    file = tmp_path / "file"
    file.write_text("before")
    with (
        pytest.raises(Ended, match="No space left on device") as ended,
        export_file.writing(file, force=True),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert ended.value.exit is Exit.FAILED
    assert file.read_text() == "before"
    assert [*tmp_path.iterdir()] == [file]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_export_that_is_ended_leaves_no_records_behind(tmp_path, way, number):
    if (way, number) == ("named", signal.SIGKILL):
        pytest.skip("what has a name outlives a kill")
    with subprocess.Popen(
        [sys.executable, "-c", HALF, str(tmp_path / "file"), way],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.send_signal(number)
        process.wait()
    assert process.returncode in {128 + number, -number}
    assert [*tmp_path.iterdir()] == []
