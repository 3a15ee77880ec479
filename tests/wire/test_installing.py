"""Where the hostile server cannot be had, a sentence says so; nothing is left running of it."""

import subprocess
import sys

import pytest

from tests.oauth.test_installing import FAILS, program
from tests.wire import wiremock


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A place for programs that are found before any other, and a cache of its own."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CI", raising=False)
    java(tmp_path, "17.0.15")
    program(tmp_path / "npm", FAILS)
    return tmp_path


def java(directory, version):
    program(directory / "java", f"import sys; sys.stderr.write('openjdk version \"{version}\"')")


@pytest.mark.parametrize("missing", ["java", "npm"])
def test_without_java_or_npm_it_is_skipped_in_words(tools, missing):
    (tools / missing).unlink()
    with pytest.raises(pytest.skip.Exception, match="install both"):
        wiremock.installed()


def test_a_java_that_is_too_old_is_skipped_in_words(tools):
    java(tools, "1.8.0_402")
    with pytest.raises(pytest.skip.Exception, match=r"needs Java 11, this is .*1\.8\.0"):
        wiremock.installed()


def test_what_cannot_be_installed_is_skipped_in_words_but_fails_in_ci(tools, monkeypatch):
    with pytest.raises(pytest.skip.Exception, match="WireMock could not be installed from npm"):
        wiremock.installed()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="WireMock could not be installed from npm"):
        wiremock.installed()


def test_it_ends_when_we_do():
    command = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"]
    shell = subprocess.Popen(
        ["sh", "-c", wiremock.UNTIL_WE_END, "sh", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"1\n"
        assert shell.stdin is not None
        shell.stdin.close()
        assert shell.stdout.read() == b"", "its end is seen, so nobody holds it any more"
