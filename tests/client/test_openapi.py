"""Is the API described as programs in other languages need it, and are TypeScript's types good?"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from daemon.control.operations import OPERATIONS, STREAMS
from daemon.control.sentences import DOES
from daemon.control.server import STATUS
from tests import npm as npm_packages
from tests.cli.world import WAIT_S, world
from tests.e2e.daemon import ROOT

pytestmark = pytest.mark.requirement("D10")

NODE_LOCK = Path(__file__).parent / "node/package-lock.json"
NODE_MAJOR_MIN = 20
COMPILE_S = 180.0
OPTIONS = ("--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck")


@pytest.fixture(scope="module")
def document():
    with world() as made:
        typed = made.rounds("openapi", "--json")
        assert (typed.code, typed.err) == (0, "")
        return typed.document


def test_the_document_is_valid(document):
    validate(document)


def test_a_daemon_gives_the_same_document(document):
    with world() as made:
        made.start()
        assert made.rounds("call", "openapi.json").code == 2  # it is no operation
        asked = ["curl", "--silent", "--unix-socket", str(made.home.socket)]
        if shutil.which("curl") is None:
            pytest.skip("this needs curl: install it to run this test")
        got = subprocess.check_output([*asked, "http://rounds/v1/openapi.json"])
    assert json.loads(got) == document


def test_every_operation_says_what_it_does_and_for_whom(document):
    for item in (*OPERATIONS, *STREAMS):
        (described,) = document["paths"][f"/v1/{item.name}"].values()
        assert described["operationId"] == item.name.replace("-", "_")
        assert described["summary"] == DOES[item.name]
        assert described["x-role"] == item.role.name.lower()
        assert described["tags"][0] in {each["name"] for each in document["tags"]}
        (media,) = described["responses"]["200"]["content"]
        assert media == ("text/event-stream" if item in STREAMS else "application/json")


def test_no_two_messages_have_the_same_name(document):
    """Else tools see a module's path in both, and a program breaks once there is a second one."""
    assert not [each for each in document["components"]["schemas"] if each.startswith("daemon.")]


def test_every_code_of_a_refusal_is_named(document):
    problem = document["components"]["schemas"]["Problem"]["properties"]
    assert set(problem["code"]["enum"]) == set(STATUS)
    assert "429: limited" in document["components"]["responses"]["Refused"]["description"]


def test_no_parameter_of_a_query_is_null(document):
    for path in document["paths"].values():
        for parameter in path.get("get", {}).get("parameters", []):
            assert {"type": "null"} not in parameter["schema"].get("anyOf", [])


@pytest.fixture(scope="module")
def folder(document, tmp_path_factory):
    """A folder with the types that npm's `openapi-typescript` makes."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("openapi-typescript needs Node and npm: install both to run these tests")
    major = re.match(r"v(\d+)\.", subprocess.check_output([node, "--version"], text=True))
    if major is None or int(major[1]) < NODE_MAJOR_MIN:
        pytest.skip(f"openapi-typescript needs Node {NODE_MAJOR_MIN}")
    modules = npm_packages.installed(npm, NODE_LOCK, "openapi-typescript")
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "rounds.json").write_text(json.dumps(document))
    made = _run(folder, "openapi-typescript/bin/cli.js", "rounds.json", "--output", "rounds.ts")
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.fixture(scope="module")
def typescript(folder):
    """What compiles a file there, to `call.js` where options say so."""

    def compiled(text, *options):
        """What the compiler complains of, a line each."""
        (folder / "call.ts").write_text(text)
        done = _run(folder, "typescript/bin/tsc", *OPTIONS, *(options or ["--noEmit"]), "call.ts")
        complaints = [each for each in done.stdout.splitlines() if "error TS" in each]
        assert bool(done.returncode) == bool(complaints), done.stdout + done.stderr
        return complaints

    return compiled


def _run(folder, script, *words):
    return subprocess.run(
        ["node", f"node_modules/{script}", *words],
        cwd=folder, capture_output=True, text=True, timeout=COMPILE_S, check=False,
    )  # fmt: skip


CALL = """
import createClient from "openapi-fetch";
import type { components, paths } from "./rounds.js";

const rounds = createClient<paths>({ baseUrl: "http://rounds" });

const { data, error } = await rounds.GET("/v1/connection", {
  params: { query: { connection: "acme/weather", at: "1204" } },
});
if (data) {
  const score: number | null = data.connection.score;
  const streams: string[] = data.connection.streams.map((each) => each.stream);
  console.log(score, streams);
} else if (error) {
  const later: number | null = error.retry_after_s ?? null;
  console.log(error.code === "not-found", error.message, later);
}

const done = await rounds.POST("/v1/sync", { body: { connection: "acme/weather", days: 3 } });
const numbers: number[] = done.data?.events ?? [];

type Told = components["schemas"]["EventView"];
function isOver(told: Told): boolean {
  return told.event.type === "sync-succeeded" && told.event.duration_ms > 0;
}
export { isOver, numbers };
"""


def test_calls_that_are_right_compile(typescript):
    assert typescript(CALL) == []


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ('query: { connection: "acme/weather"', "query: { connection: 7", "TS2322"),
        ('"/v1/connection"', '"/v1/conection"', "TS2345"),
        ('{ connection: "acme/weather", days: 3 }', "{ days: 3 }", "TS2322"),
        ("const score: number | null", "const score: number", "TS2322"),
        ('=== "not-found"', '=== "not-there"', "TS2367"),
        ('=== "sync-succeeded"', '=== "sync-was-good"', "TS2367"),
    ],
)
def test_a_call_that_is_wrong_does_not(typescript, right, wrong, complaint):
    assert right in CALL
    complaints = typescript(CALL.replace(right, wrong))
    assert any(complaint in each for each in complaints), complaints


def test_what_the_readme_shows_compiles_and_runs_as_it_is_pasted(folder, typescript):
    readme = (ROOT / "README.md").read_text()
    (pasted,) = re.findall(r"```ts\n(.*?)```", readme, re.DOTALL)
    assert typescript(pasted, "--outDir", ".") == []
    with world("acme/weather") as made:
        made.start()
        run = subprocess.run(
            ["node", "call.js"],
            cwd=folder, env=made.environment(), capture_output=True, text=True,
            timeout=WAIT_S, check=False,
        )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[1:] == ["sync requested"]
