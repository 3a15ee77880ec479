"""Does every example that a method of the client shows run as it stands, and do what it says?"""

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from inspect import cleandoc
from textwrap import indent

import anyio
import pytest

from daemon.client import Rounds
from daemon.control.sentences import THEMES
from daemon.control.source_messages import Metrics, Report
from events.sources import Health, Pattern
from events.syncs import SyncSucceeded
from tests.cli.world import WAIT_S, world
from tests.client.stage import stage
from tests.client.writing import ROOT, method_name

pytestmark = pytest.mark.requirement("D10")

FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)
LEAVES = {
    "look": set(),
    "health": {"SyncRequested"},
    "trouble": {"SyncFailed"},
    "consent": {"ConsentGranted", "ConsentWithdrawn"},
    "sources": {
        "SourceAdded",
        "SourceChanged",
        "SourceTokenSet",
        "ReportReceived",
        "SourceRemoved",
    },
    "act": {
        "PassBegun",
        "ConnectionPaused",
        "ConnectionResumed",
        "SyncCancelled",
        "BackfillRequested",
    },
    "settings": {"BreakerOpened", "BreakerClosed"},
    "connections": {
        "ConnectionAdded",
        "ConnectionRemoved",
        "ProviderClientSet",
        "AuthorisationBegun",
        "ConnectionAuthorised",
        "VaultKeyRotated",
    },
    "data": {"RolledBack", "QuarantineAccepted", "QuarantineDropped"},
    "gateway": {"WriteQueued", "WriteRetried", "WriteSettled", "WriteDropped"},
    "follow": {"SyncRequested"},
}
"""What the log holds once a theme's examples were run, beside what would be there without them."""


def example(operation):
    """What stands in the method's docstring, as a coroutine function."""
    found = FENCED.findall(cleandoc(getattr(Rounds, method_name(operation)).__doc__))
    assert len(found) == 1, f"{operation} has one example"
    return found[0]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("theme", THEMES)
def test_every_example_runs(theme, backend):
    told = []

    def answered(question):
        """What a person would paste: where the browser ended, with a code."""
        state = re.search(r"[?&]state=([^&]+)", told[-1][-1]).group(1)
        return f"http://127.0.0.1:8723/callback?code=granted&state={state}"

    names = {
        "Health": Health,
        "Metrics": Metrics,
        "Pattern": Pattern,
        "Report": Report,
        "SyncSucceeded": SyncSucceeded,
        "UTC": UTC,
        "date": date,
        "datetime": datetime,
        "input": answered,
        "print": lambda *words: told.append(words),
    }

    async def run():
        with anyio.fail_after(WAIT_S):
            async with Rounds(made.world.home.socket) as rounds:
                await made.until(rounds, "acme/weather", SyncSucceeded)
                for operation in THEMES[theme]:
                    await made.before(operation, rounds)
                    space = dict(names)
                    text = f"async def example(rounds):\n{indent(example(operation), '    ')}"
                    exec(compile(text, f"the example of {operation}", "exec"), space)
                    await space["example"](rounds)
                events = (await rounds.log(limit=500)).events
                return {type(each.event).__name__ for each in events}

    with stage() as made:
        seen = anyio.run(run, backend=backend)
    assert seen >= LEAVES[theme], LEAVES[theme] - seen
    assert told


def test_the_example_of_the_readme_runs_as_it_is_pasted():
    (program,) = FENCED.findall((ROOT / "README.md").read_text())
    with world("acme/weather") as made:
        made.start()
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True, text=True, timeout=WAIT_S, check=False,
            env=made.environment(PYTHONPATH=str(ROOT)), cwd=ROOT,
        )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("1 connections\n")
    assert run.stdout.endswith("acme/weather SyncSucceeded\n")
