"""What can `rounds` do, and what does it say, where no daemon runs?"""

import socket
import sys

import pytest
from click.testing import CliRunner

from daemon.cli.root import PLACES, rounds
from tests.cli.world import KEY, world

HELP = [
    *([name] for name in PLACES),
    *(["connection", name] for name in ("list", "show", "add", "authorize", "remove")),
    *(["provider", name] for name in ("list", "show", "client", "check")),
    *(["log", name] for name in ("tail", "show", "verify", "export", "stats")),
    *(["config", name] for name in ("check", "show")),
    ["data", "show"],
]


@pytest.fixture(scope="module")
def home():
    with world("acme/weather") as made:
        yield made


@pytest.mark.parametrize("words", [line for line in HELP if line != ["demo"]], ids=" ".join)
def test_every_command_explains_itself_with_an_example(words):
    shown = CliRunner().invoke(rounds, [*words, "--help"], prog_name="rounds")
    assert shown.exit_code == 0
    is_group = "Commands:" in shown.output
    assert is_group or f"rounds {' '.join(words)}" in shown.output.partition("Example")[2]
    assert is_group or "--json" in shown.output


@pytest.mark.parametrize(
    "line",
    ["status", "queue", "sync a/b", "connection list", "provider list", "data show a/b c",
     "log tail", "log show", "log stats", "connection authorize a/b",
     "backfill a/b --from 2026-01-01 --to 2026-01-02", "provider client c --client-id d --public"],
)  # fmt: skip
def test_no_daemon_ends_with_5_and_says_what_to_do(home, line):
    typed = home.rounds(*line.split(), "--json")
    assert (typed.code, typed.out, typed.problem["code"]) == (5, "", "not-running")
    assert f"no socket at {home.home.socket}" in typed.err
    assert "start it with `roundsd`" in typed.err


def test_a_socket_that_nobody_listens_on_is_no_daemon(home, tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    assert home.rounds("--socket", path, "status").code == 5


def test_a_daemon_that_answers_nonsense_is_of_another_version(home, tmp_path):
    typed = answered(home, tmp_path, b'{"seq": "many"}', "200 OK")
    assert typed.code == 1
    assert "restart roundsd" in typed.err


@pytest.mark.parametrize(
    "code, exit_code",
    [("not-allowed", 4), ("invalid", 2), ("not-found", 3), ("disk-full", 1), ("internal", 1)],
)
def test_each_refusal_has_its_exit_code(home, tmp_path, code, exit_code):
    body = b'{"code":"%s","message":"because"}' % code.encode()
    typed = answered(home, tmp_path, body, "400 No")
    assert (typed.code, typed.err) == (exit_code, "rounds: because\n")


def answered(home, tmp_path, body, status, *words):
    """What a line, `rounds status` else, makes of an answer; of none, where it has no status."""
    import threading

    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def answer():
            peer, _ = listener.accept()
            with peer:
                with peer.makefile("rb") as asked:
                    lengths = [
                        int(line.split(b":")[1])
                        for line in iter(asked.readline, b"\r\n")
                        if line.startswith(b"Content-Length")
                    ]
                    asked.read(sum(lengths))
                if status is None:
                    return
                head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
                peer.sendall(head.encode() + body)

        thread = threading.Thread(target=answer)
        thread.start()
        typed = home.rounds("--socket", path, *(words or ["status"]))
        thread.join()
    return typed


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ("GET /a", 5, "start it with `roundsd`\n"),
        ("POST /a --kind read", 5, "start it with `roundsd`\n"),
        (
            "POST /a",
            1,
            "look there, and what `rounds outbox list` shows, before you write it again",
        ),
        ("GET /a --kind write --no-queue", 1, "look there before you write it again\n"),
        ("PUT /a --key order-7", 1, "it may be written again, with the same --key\n"),
    ],
)
def test_who_hears_nothing_more_of_a_write_is_told_to_look(home, tmp_path, words, exit_code, said):
    typed = answered(home, tmp_path, b"", None, "request", "acme/orders", *words.split())
    assert typed.code == exit_code
    assert typed.err.startswith("rounds: the daemon at ")
    assert said in typed.err
    assert ("the write may have arrived, or not" in typed.err) == (exit_code == 1)


@pytest.mark.parametrize(
    "line",
    ["statsu", "sync", "sync a/b c", "log verfy", "status --nope", "log show --limit 0",
     "log show 1 --after 2", "completion tcsh", "sync a/b --days 0", "sync a/b --days 400",
     "sync a/b --days 3 --failed-days", "sync a/b --threshold soon", "backfill a/b",
     "backfill a/b --from 2026-01-01", "backfill a/b --from 2026-02-30 --to 2026-03-01",
     "backfill a/b --from 20260101 --to 2026-03-01",
     "backfill a/b --from 2026-03-02 --to 2026-03-01",
     "backfill a/b --from 2026-03-01 --to 2026-03-02 --batch 0", "connection add a/b --set c",
     "connection add a/b --set c=1 --set c=2", "connection authorize a/b --port 70000",
     "provider client c --client-id d --public --secret-stdin"],
)  # fmt: skip
def test_wrong_usage_ends_with_2(home, line):
    typed = home.rounds(*line.split(), "--json")
    assert (typed.code, typed.out) == (2, "")
    assert typed.problem["code"] == "invalid"


def test_a_mistyped_command_is_guessed(home):
    assert "did you mean status?" in home.rounds("statsu").err
    assert "did you mean verify?" in home.rounds("log", "verfy").err


def test_nothing_typed_shows_the_help(home):
    typed = home.rounds()
    assert typed.code == 2
    assert typed.err.startswith("Usage: rounds")


def test_the_version_is_shown(home):
    assert home.rounds("--version").out.startswith("rounds 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_their_completion(home, shell):
    typed = home.rounds("completion", shell)
    assert "_ROUNDS_COMPLETE" in typed.out
    assert home.rounds("completion", shell, "--json").document["script"] == typed.out[:-1]


def test_the_configuration_is_checked_and_shown(home):
    typed = home.rounds("config", "check")
    assert typed.code == 0
    assert f"{home.home.config}: good" in typed.out
    assert "5 providers of your own" in typed.out
    assert home.rounds("config", "check", "--json").document["providers"] == 5
    assert "every_6_hours" in home.rounds("config", "show").out
    document = home.rounds("config", "show", "--json").document
    assert document["settings"]["state"] == str(home.home.state)
    assert document["settings"]["sync"]["concurrency"] == 10


def test_clients_and_settings_of_the_configuration_are_shown(home, tmp_path):
    file = tmp_path / "rounds.toml"
    file.write_text(
        '[providers]\noura = { client_id = "abc" }\n'
        'strava = { client_id = "def", client_secret_file = "/etc/strava" }\n'
        '[connections."acme/dexcom"]\nsettings = { host = "api.dexcom.eu" }\n'
    )
    typed = home.rounds("config", "show", ROUNDS_CONFIG=str(file))
    assert "client abc, without a secret\n" in typed.out
    assert "client def, its secret in /etc/strava\n" in typed.out
    assert "host=api.dexcom.eu\n" in typed.out


def test_a_bad_configuration_ends_with_2_and_the_place(home, tmp_path):
    file = tmp_path / "rounds.toml"
    file.write_text("[sync]\nconcurency = 3\n")
    for words in (("config", "check"), ("config", "show"), ("log", "verify")):
        typed = home.rounds(*words, ROUNDS_CONFIG=str(file))
        assert (typed.code, typed.out) == (2, "")
        assert typed.err.startswith(f"rounds: {file}: ")
        assert "concurrency" in typed.err


def test_a_providers_file_is_explained(home):
    file = str(home.home.root / "providers/weather.toml")
    typed = home.rounds("provider", "check", file)
    assert typed.code == 0
    assert "/days?page=0" in typed.out
    assert "page (query) counts pages from 0" in typed.out
    document = home.rounds("provider", "check", file, "--json").document
    assert document["good"]
    assert "date" in document["streams"]["days"]["key"]
    assert document["tried"] is None


def test_a_bad_providers_file_ends_with_2(home, tmp_path):
    assert home.rounds("provider", "check", "/nowhere.toml").code == 2
    file = tmp_path / "bad.toml"
    file.write_text('name = "bad"\n')
    typed = home.rounds("provider", "check", str(file))
    assert typed.code == 2
    assert "base_url is missing" in typed.err


def test_a_provider_is_tried_with_one_page(home):
    file = str(home.home.root / "providers/weather.toml")
    typed = home.rounds("provider", "check", file, "--try")
    assert typed.code == 0
    assert "days: 10 records in" in typed.out
    assert "and there are more pages" in typed.out
    tried = home.rounds("provider", "check", file, "--try", "--json").document["tried"]["days"]
    assert tried["fields"] == {"date": "string", "rain": "number", "note": "null"}


def test_a_provider_that_does_not_answer_as_declared_ends_with_1(home):
    file = str(home.home.root / "providers/broken.toml")
    typed = home.rounds("provider", "check", file, "--try")
    assert typed.code == 1
    assert "the provider failed (500)" in typed.out


def test_a_provider_is_tried_with_a_credential_from_standard_input(home):
    file = str(home.home.root / "providers/keyed.toml")
    words = ("provider", "check", file, "--try", "--credential-stdin")
    good = home.rounds(*words, stdin=KEY)
    assert good.code == 0
    assert KEY not in good.out + good.err
    assert home.rounds(*words, stdin="another").code == 1
    assert home.rounds(*words[:-1]).code == 1


def test_a_question_needs_nothing_heavy():
    """A command answers at once: what only the daemon needs is not imported."""
    import subprocess

    names = "trio, httpx, rich, starlette, cryptography, sqlite_utils, jmespath"
    program = (
        "import sys, daemon.cli.look, daemon.cli.root, daemon.cli.sync, daemon.cli.log, "
        "daemon.cli.past, daemon.cli.connection, daemon.cli.authorize, daemon.cli.provider; "
        f"print([name for name in '{names}'.split(', ') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"
