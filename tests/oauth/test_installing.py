"""What Node needs is installed once, whoever asks; where it cannot be, a sentence says so."""

import stat
import sys

import pytest
import trio

from tests.oauth import oidc


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A place for programs that are found before any other, and a cache of its own."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CI", raising=False)
    program(tmp_path / "node", "print('v20.0.0')")
    return tmp_path


def program(path, text):
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


INSTALLS = """
import os, pathlib
os.mkdir("node_modules")
with open(pathlib.Path(__file__).parent / "log", "a") as log:
    log.write("installed\\n")
"""
FAILS = "import sys; sys.exit('npm error network')"


async def test_those_who_ask_at_once_and_later_share_one_installation(tools):
    program(tools / "npm", INSTALLS)
    found = []

    async def ask():
        found.append(await trio.to_thread.run_sync(oidc.installed))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(ask)
    found.append(oidc.installed())
    assert len(set(found)) == 1
    node, modules = found[0]
    assert node == str(tools / "node")
    assert modules.is_dir()
    assert (tools / "log").read_text() == "installed\n"


def test_half_an_installation_is_begun_anew(tools):
    program(tools / "npm", f"import os\nos.mkdir('node_modules')\n{FAILS}")
    with pytest.raises(pytest.skip.Exception):
        oidc.installed()
    program(tools / "npm", INSTALLS)
    assert oidc.installed()[1].is_dir()


def test_what_cannot_be_installed_is_skipped_in_words_but_fails_in_ci(tools, monkeypatch):
    program(tools / "npm", FAILS)
    with pytest.raises(pytest.skip.Exception, match="from npm: npm error network"):
        oidc.installed()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="from npm: npm error network"):
        oidc.installed()


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_without_node_or_npm_it_is_skipped_in_words(tools, missing):
    program(tools / "npm", FAILS)
    (tools / missing).unlink()
    with pytest.raises(pytest.skip.Exception, match="install both"):
        oidc.installed()


def test_a_node_that_is_too_old_is_skipped_in_words(tools):
    program(tools / "npm", FAILS)
    program(tools / "node", "print('v18.20.4')")
    with pytest.raises(pytest.skip.Exception, match=r"needs Node 20, this is v18\.20\.4"):
        oidc.installed()
