"""How is WireMock, a server that breaks off, drips and lies as it is told, run as a peer?

Each stub has a path of its own, so that tests know nothing of each other.
"""

import base64
import itertools
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests import npm

LOCK = Path(__file__).parent / "node" / "package-lock.json"
JAVA_MIN = 11
START_S = 60.0  # it takes two seconds; a deadline, not a measure
ADMIN_S = 20.0
UNTIL_WE_END = '"$@" & cat >/dev/null; kill -9 $!'
"""It must not outlive a run of tests that was killed: our end of its standard input tells it."""


@dataclass
class WireMock:
    """The running server."""

    url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def stub(self, *answers: dict[str, Any]) -> str:
        """Answer at a new path, with each in turn, then with the last; return its URL."""
        path = f"/{next(self._numbers)}"
        for step, answer in enumerate(answers):
            mapping: dict[str, Any] = {
                "request": {"method": "ANY", "urlPathPattern": f"{path}/.*"},
                "response": answer,
            }
            if len(answers) > 1:
                last = step == len(answers) - 1
                mapping |= {
                    "scenarioName": path,
                    "requiredScenarioState": f"{step}" if step else "Started",
                    **({} if last else {"newScenarioState": f"{step + 1}"}),
                }
            self._tell("mappings", mapping)
        return self.url + path

    def asked(self, url: str) -> list[str]:
        """What has been asked of a stub: methods and paths, in order."""
        path = url.removeprefix(self.url)
        pattern = {"method": "ANY", "urlPathPattern": f"{path}/.*"}
        found = json.loads(self._tell("requests/find", pattern))["requests"]
        return [f"{each['method']} {each['url'].removeprefix(path)}" for each in found]

    def _tell(self, what: str, document: dict[str, Any]) -> bytes:
        body = json.dumps(document).encode()
        with urlopen(Request(f"{self.url}/__admin/{what}", body), timeout=ADMIN_S) as said:
            return bytes(said.read())


def whole(content: bytes, status: int = 200, **headers: str) -> dict[str, Any]:
    """A whole answer, down to the byte. Underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "status": status,
        "headers": {"Content-Type": "application/json", **named},
        "base64Body": base64.b64encode(content).decode(),
    }


@contextmanager
def serving() -> Iterator[WireMock]:
    """Run it on a port of the system's choice. Skips the test, in words, where it cannot be had."""
    java, jar = installed()
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryFile() as words:
        command = [java, "-XX:TieredStopAtLevel=1", "-Xmx256m", "-jar", str(jar)]
        options = ["--port=0", "--bind-address=127.0.0.1", "--disable-gzip", f"--root-dir={root}"]
        server = subprocess.Popen(
            ["sh", "-c", UNTIL_WE_END, "sh", *command, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            env={"PATH": os.environ["PATH"]},
        )
        assert server.stdin is not None
        try:
            yield WireMock(f"http://127.0.0.1:{_port(server, words)}")
        finally:
            server.stdin.close()
            server.wait(START_S)
            assert server.stdout is not None
            server.stdout.close()


def installed() -> tuple[str, Path]:
    """Find Java, and WireMock's jar, installed once for all runs with one lock."""
    java, its_npm = shutil.which("java"), shutil.which("npm")
    if java is None or its_npm is None:
        pytest.skip("WireMock needs Java and npm: install both to run these tests")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < JAVA_MIN:
        pytest.skip(f"WireMock needs Java {JAVA_MIN}, this is {said.partition(chr(10))[0]}")
    modules = npm.installed(its_npm, LOCK, "WireMock")
    (jar,) = (modules / "wiremock" / "build").glob("wiremock-standalone-*.jar")
    return java, jar


def _port(server: "subprocess.Popen[bytes]", words: Any) -> int:
    """Read on to the line that says on which port it listens."""
    assert server.stdout is not None
    said = b""
    while select.select([server.stdout], [], [], START_S)[0]:
        more = os.read(server.stdout.fileno(), 65536)
        said += more
        if found := re.search(rb"^port: +(\d+)$", said, re.MULTILINE):
            return int(found[1])
        if not more:
            break
    words.seek(0)
    raise AssertionError(f"WireMock did not come up: {words.read()[-2000:]!r}")
