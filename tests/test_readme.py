"""Is what the README and the example files show really so?"""

import fnmatch
import re
import tomllib
from pathlib import Path

import pytest

from daemon import configuration, policy_file, provider_file, strict_toml
from daemon.auth_file import OAuth2
from daemon.cli import root
from daemon.configuration import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_provider_file_in_the_readme_is_good(tmp_path: Path):
    whole, auth, _ = blocks("toml")
    path = tmp_path / "github.toml"
    path.write_text(whole + auth)
    provider = provider_file.load(path)
    assert provider.streams["issues"].cursor is not None
    assert tomllib.loads(whole)["base_url"] == provider.base_url


@pytest.mark.requirement("A20")
def test_the_provider_of_ones_own_in_the_readme_is_good(tmp_path: Path):
    path = tmp_path / "sleepwell.toml"
    path.write_text(blocks("toml")[2])
    provider = provider_file.load(path)
    assert isinstance(provider.auth, OAuth2)
    assert provider.streams["nights"].window is not None


def test_the_example_configuration_is_good_and_says_the_defaults():
    settings = strict_toml.read(ROOT / "systemd/rounds.toml", Settings)
    assert configuration.policy(settings) == configuration.policy(Settings())
    assert settings.sync == Settings().sync
    text = (ROOT / "systemd/rounds.toml").read_text()
    names = set(policy_file.NAMES) - {"concurrency", "interval"}  # which stand in [sync]
    assert {
        name for name in names if not re.search(rf"^(# )?{name} =", text, re.MULTILINE)
    } == set()


def test_every_command_in_the_readme_exists():
    typed = re.findall(r"(?:^|`)rounds ([a-z]+)", "\n".join([README, *blocks("sh")]), re.MULTILINE)
    assert typed
    assert set(typed) <= set(root.rounds.list_commands(None))


def test_prose_stands_outside_of_code_and_each_row_of_a_table_has_all_its_cells():
    """Else half a page is shown as code, and a table as lines."""
    inside, columns = False, 0
    for number, line in enumerate(README.splitlines(), 1):
        if line.startswith("```"):
            assert line == "```" or not inside, f"line {number} opens code in the midst of code"
            inside = not inside
        elif inside:
            assert not line.startswith("## "), f"line {number} is a heading in the midst of code"
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") and not inside else 0
        assert not (cells and columns) or cells == columns, f"line {number} has {cells} bars"
        columns = cells
    assert not inside


def test_set_up_and_tests_are_one_line_each():
    first, second = blocks("sh")[:2]
    assert first.strip().endswith(".venv/bin/rounds demo")
    assert second.strip().endswith(".venv/bin/pytest")
    assert [block.strip().count("\n") for block in (first, second)] == [0, 0]


def test_every_module_of_the_daemon_is_in_the_code_map():
    rows = "\n".join(re.findall(r"^\| `(?:events|projections|daemon)/.*$", README, re.MULTILINE))
    named = {each.rpartition("/")[2] for each in re.findall(r"`([^`]+)`", rows)}
    own = [path.name for path in (ROOT / "daemon").glob("[!_]*.py")]
    own += [path.stem for path in (ROOT / "daemon/decide").glob("[!_]*.py")]
    assert len(own) > 100
    unnamed = [each for each in own if not any(fnmatch.fnmatch(each, name) for name in named)]
    assert unnamed == []


def test_every_file_in_the_code_map_exists():
    rows = re.findall(r"^\| (`(?:events|projections|daemon)/.*?) \|", README, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(named) > 20
    folder = ""
    for name in named:
        folder = name.rpartition("/")[0] if "/" in name else folder
        path = ROOT / (name if "/" in name else f"{folder}/{name}")
        assert list(path.parent.glob(path.name)), name
