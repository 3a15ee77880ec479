"""A crash of the daemon writes nobody's secrets to the disk."""

import os
import resource
import signal
import socket
import subprocess
import sys

import pytest

from tests.e2e.daemon import ROOT, running

pytestmark = pytest.mark.requirement("A16")

PLAIN = "print('ready', flush=True); input()"
FORBIDDEN = f"from daemon import core_dumps; core_dumps.forbid(); {PLAIN}"
UNLIMITED = ("sh", "-c", 'ulimit -c unlimited && exec "$@"', "sh")


def leaves_core(home, *command, ready):
    """Whether a process leaves a core when it is made to, where nothing hinders it."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home.root), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*UNLIMITED, *command], cwd=home.root, env=environment, stdin=-1, stdout=-1, text=True
    ) as process:
        for line in process.stdout:
            if ready in line:
                break
        process.send_signal(signal.SIGABRT)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -os.WTERMSIG(status)
    assert process.returncode == -signal.SIGABRT
    return os.WCOREDUMP(status)


@pytest.fixture
def unlimited():
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
        pytest.skip("cores are limited here beyond what a test may change")


def test_a_daemon_that_is_aborted_leaves_no_core(home, unlimited):
    """Where this host writes cores at all, a plain Python beside it leaves one."""
    home.configure()
    roundsd = [sys.executable, "-m", "daemon.roundsd", "--config", str(home.config)]
    plain = leaves_core(home, sys.executable, "-c", PLAIN, ready="ready")
    assert not leaves_core(home, *roundsd, ready='"ready"')
    if not plain:
        pytest.skip("this host writes no cores: only that the daemon leaves none was seen")


def test_a_command_that_reads_a_credential_leaves_no_core(home, unlimited):
    assert not leaves_core(home, sys.executable, "-c", FORBIDDEN, ready="ready")


def look(code):
    """What a Python process says, which nothing hinders to leave a core before it forbids it."""
    whole = f"import ctypes, os, resource, socket, struct\nfrom daemon import core_dumps\n{code}"
    return subprocess.run(
        [*UNLIMITED, sys.executable, "-c", whole],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()


def test_neither_limit_nor_attribute_lets_a_core_through(unlimited):
    """Where cores are piped to a program, as systemd-coredump is given them, no limit counts."""
    assert look(
        "for _ in range(2):\n"
        "    core_dumps.forbid()\n"
        "print(*resource.getrlimit(resource.RLIMIT_CORE))\n"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"  # PR_GET_DUMPABLE
    ) == ["0", "0", "0"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_no_process_of_the_same_user_looks_into_it_and_it_does_its_own_work():
    """It still lists its own files, and learns who calls."""
    assert look(
        "os.setgid(65534); os.setuid(65534)\n"
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"  # as a program is that was just started
        "def child():\n"
        "    pid = os.fork()\n"
        "    if pid:\n"
        "        return os.waitpid(pid, 0)\n"
        "    try:\n"
        "        open(f'/proc/{os.getppid()}/environ', 'rb').close()\n"
        "        print('looks', flush=True)\n"
        "    except PermissionError:\n"
        "        print('refused', flush=True)\n"
        "    os._exit(0)\n"
        "child()\n"
        "core_dumps.forbid()\n"
        "child()\n"
        "ours, theirs = socket.socketpair(socket.AF_UNIX)\n"
        "peer = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)\n"
        "print(struct.unpack('3i', peer)[1], len(os.listdir('/proc/self/fd')) >= 5)\n"
    ) == ["looks", "refused", "65534", "True"]


async def test_a_daemon_without_cores_knows_its_callers_and_tells_systemd(home):
    home.configure()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(home.root / "notify"))
        environment = {"NOTIFY_SOCKET": str(home.root / "notify")}
        async with running(home, environment=environment) as daemon:
            assert manager.recv(100) == b"READY=1"
            assert (await daemon.call("POST", "vault-rotate", json={})).status_code == 200
            assert await daemon.stop() == 0
        assert manager.recv(100) == b"STOPPING=1"
    (rotated,) = [event for event in home.log() if event["type"] == "vault-key-rotated"]
    assert rotated["by"]["uid"] == os.geteuid()


@pytest.mark.parametrize(
    "host",
    [
        "core_dumps.ctypes.CDLL = lambda _: None",  # its library has no prctl
        "core_dumps.PR_SET_DUMPABLE = -1",  # its kernel does not know the call
        "core_dumps.NONE = (1, 0)",  # its limits cannot be set
    ],
)
def test_a_host_without_such_a_thing_does_without(host):
    assert look(f"{host}\ncore_dumps.forbid()\nprint('goes on')") == ["goes", "on"]
