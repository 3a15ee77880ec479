"""Whatever happens to the daemon, its vault or its key: no secret is lost, or one sentence says."""

import shutil
import signal
from contextlib import suppress
from itertools import count

import httpx
import pytest

from tests.e2e import faults
from tests.e2e.daemon import refused, running
from tests.rest import provider
from tests.rest.provider import http, ok

pytestmark = pytest.mark.requirement("A16")

KEYS = {"acme/shop": "hunter2-of-acme", "umbrella/shop": "hunter2-of-umbrella"}
DAYS = {"days": {"path": "/days", "primary_key": ["id"]}}
MOMENTS = {
    "replace 1": 1,  # both keys are to be written
    "sync 1": 2,  # their file has its place, if the disk agrees
    "put 1": 2,
    "_scrub 1": 2,  # everything is sealed anew, and what was sealed before lies in the WAL
    "newest_alone 1": 2,
    "_create 2": 2,  # the new key alone is to be written
    "sync 2": 1,
    "count 1": 1,
    "execute 1": 1,  # all is done, and nothing is noted
    "durable 1": 1,  # it is noted, perhaps not on disk
}
"""Before which call it dies, and how many keys its file holds then; tests/test_rotation.py dies at
each line."""
UNUSABLE = 78


def answer(asked):
    """A provider that knows the keys, and nobody without one."""
    if asked.headers.get("x-key") in KEYS.values():
        return ok([{"id": 1}])
    return http(b"[]", 401)


@pytest.fixture
async def kept(home):
    """A home whose daemon has taken two credentials into its vault; the files are gone."""
    async with provider.serving(answer) as server:
        auth = {"kind": "api_key", "header": "X-Key"}
        home.provide("shop", server.url, streams=DAYS, auth=auth)
        home.configure()
        async with running(home) as daemon:
            for name, key in KEYS.items():
                await daemon.tell("add", name, credential=key)
            await opens(daemon)
            assert await daemon.stop() == 0
        yield home


async def opens(daemon):
    """Every secret: the provider takes each connection's key, and says the same as before."""
    for name in KEYS:
        ended = await daemon.sync(name)
        assert ended["event"] == "sync-succeeded", ended


def versions(home, name="vault.key"):
    return [line.split()[0] for line in (home.state / name).read_text().splitlines()]


def rotated(home):
    return [event for event in home.log() if event["type"] == "vault-key-rotated"]


async def rotate(daemon):
    return await daemon.call("POST", "vault-rotate", json={})


def nothing_is_left_beside(home):
    assert not list(home.state.glob("vault.key.*"))
    for name in ("vault", "vault.key"):
        assert (home.state / name).stat().st_mode & 0o777 == 0o600


# -- replacing the key ----------------------------------------------------------------------------


async def test_a_key_is_replaced_while_everything_runs(kept):
    async with running(kept) as daemon:
        done = (await rotate(daemon)).json()
        assert done["message"].startswith("sealed 4 secrets anew under key 2; back up ")
        await opens(daemon)
        assert await daemon.stop(signal.SIGKILL) == -signal.SIGKILL
    assert versions(kept) == ["2"]
    assert [(event["version"], event["sealed"]) for event in rotated(kept)] == [(2, 4)]
    assert rotated(kept)[0]["by"]["role"] == "admin"
    async with running(kept) as daemon:
        await opens(daemon)
        assert await daemon.stop() == 0
    assert len(rotated(kept)) == 1
    nothing_is_left_beside(kept)


@pytest.mark.requirement("X5")
async def test_a_rotation_may_be_killed_at_any_moment(kept):
    """After each death the daemon starts, every secret opens, and what is in force is noted."""
    for moment, keys in MOMENTS.items():
        planted = {"module": "tests.e2e.rotating", "environment": {"DIES_AT": moment}}
        async with running(kept, **planted) as daemon:
            with pytest.raises(httpx.TransportError):
                await rotate(daemon)
            assert await daemon.end() == -signal.SIGKILL
        assert len(versions(kept)) == keys, moment
        async with running(kept) as daemon:
            await opens(daemon)
            assert await daemon.stop() == 0
        (version,) = map(int, versions(kept))
        noted = [event["version"] for event in rotated(kept)]
        assert noted == list(range(2, version + 1)), moment
        nothing_is_left_beside(kept)
    assert version == len(MOMENTS), "the first one died with nothing done"


@faults.traced
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
async def test_a_kill_inside_the_commit_of_all_secrets_is_survived(kept, call):
    deaths = 0
    for kill in count(1):
        async with running(kept) as daemon:
            fault = f"{call}:signal=KILL:when={kill}"
            async with faults.failing(daemon, "vault-wal", fault):
                try:
                    survived = (await rotate(daemon)).status_code == 200
                except httpx.TransportError:
                    survived = False
            await daemon.stop(signal.SIGKILL)
        async with running(kept) as daemon:
            await opens(daemon)
            assert await daemon.stop() == 0
        assert len(versions(kept)) == 1
        if survived:
            break
        deaths += 1
    assert deaths


@faults.traced
@pytest.mark.parametrize(
    "file, fault",
    [("vault-wal", "pwrite64"), ("vault.key.new", "write"), ("vault.key.new", "fsync")],
)
async def test_a_full_disk_puts_a_rotation_off_and_loses_nothing(kept, file, fault):
    async with running(kept) as daemon:
        async with faults.failing(daemon, file, f"{fault}:error=ENOSPC:when=1+"):
            refusal = await rotate(daemon)
            assert (refusal.status_code, refusal.json()["code"]) == (503, "disk-full")
            assert "type `rounds vault rotate` again" in refusal.json()["message"]
            await opens(daemon)
        assert "under key 2" in (await rotate(daemon)).json()["message"]
        await opens(daemon)
        assert await daemon.stop() == 0
    assert versions(kept) == ["2"]
    assert len(rotated(kept)) == 1
    nothing_is_left_beside(kept)


@faults.traced
async def test_a_disk_that_fails_under_the_vault_ends_the_daemon_at_its_next_use(kept):
    """What did not reach the disk may look as if it had; the next start reads what did."""
    async with running(kept) as daemon:
        async with faults.failing(daemon, "vault-wal", "fdatasync:error=EIO:when=1"):
            refusal = await rotate(daemon)
            assert refusal.json()["code"] == "internal"
            assert "check the disk" in refusal.json()["message"]
            assert (await rotate(daemon)).json()["code"] == "internal"
            with suppress(httpx.TransportError):  # it may end before it has answered
                await daemon.call("POST", "sync", json={"connection": "acme/shop"})
            assert await daemon.end() == UNUSABLE
        assert "start rounds again" in daemon.complaint
    async with running(kept) as daemon:
        await opens(daemon)
        assert await daemon.stop() == 0
    assert versions(kept) == ["2"]
    assert len(rotated(kept)) == 1


# -- systemd's credential -------------------------------------------------------------------------


async def test_a_key_that_systemd_gives_is_replaced_by_two_lines_and_a_restart(kept):
    directory = kept.root / "credentials"
    directory.mkdir(mode=0o700)
    credential = directory / "rounds-vault-key"
    (kept.state / "vault.key").rename(credential)
    given = {"environment": {"CREDENTIALS_DIRECTORY": str(directory)}}
    async with running(kept, **given) as daemon:
        refusal = await rotate(daemon)
        assert (refusal.status_code, refusal.json()["code"]) == (409, "declared")
        assert "add a line to it: 2, a space and 64 new" in refusal.json()["message"]
        await opens(daemon)
        assert await daemon.stop() == 0
    old = credential.read_text()
    new = "2 " + "5c" * 32 + "\n"
    credential.write_text(old + new)
    async with running(kept, **given) as daemon:
        await daemon.said("vault-key-unneeded", file=str(credential), versions=[1])
        await daemon.said("vault-key-rotated", version=2, sealed=4)
        await opens(daemon)
        assert await daemon.stop() == 0
    credential.write_text(new)
    async with running(kept, **given) as daemon:
        await opens(daemon)
        assert await daemon.stop() == 0
    assert "vault-key-unneeded" not in [line["event"] for line in daemon.lines]
    assert not (kept.state / "vault.key").exists()
    credential.write_text(old)
    code, complaint = await refused(kept, **given)
    assert code == UNUSABLE
    assert "is sealed with key 2" in complaint


# -- what is lost or wrong ------------------------------------------------------------------------


def lose_key(state):
    (state / "vault.key").unlink()


def lose_vault(state):
    for each in state.glob("vault*"):
        if each.name != "vault.key":
            each.unlink()


def take_another_key(state):
    (state / "vault.key").write_text("ab" * 32 + "\n")


def take_a_newer_key(state):
    (state / "vault.key").write_text("5 " + "ab" * 32 + "\n")


def halve_key(state):
    (state / "vault.key").write_text((state / "vault.key").read_text()[:30])


def empty_key(state):
    (state / "vault.key").write_text("")


def open_key(state):
    (state / "vault.key").chmod(0o640)


WRONG = {
    lose_key: "/vault.key is gone, and without it no credential can be read; put the key",
    lose_vault: "/vault is gone, but the log beside it is there; put the vault back",
    take_another_key: "/vault.key; put the right key back from your backup",
    take_a_newer_key: "/vault.key holds key 5; put back the key that was in force",
    halve_key: "/vault.key is damaged: line 1 is not 64 hexadecimal digits",
    empty_key: "/vault.key is empty; put the right key back from your backup",
    open_key: "/vault.key can be read by others (mode 0640); type: chmod 600 ",
}


async def test_what_is_wrong_with_vault_or_key_is_one_sentence_and_can_be_mended(kept):
    """Nothing is touched meanwhile: once the files are put back, every secret opens."""
    backup = kept.root / "backup"
    shutil.copytree(kept.state, backup)
    for spoil, words in WRONG.items():
        spoil(kept.state)
        for _ in range(2):  # the second start finds what the first one left
            code, complaint = await refused(kept)
            assert code == UNUSABLE
            assert complaint.startswith("roundsd: the vault")
            assert complaint.count("\n") == 1
            assert words in complaint
        for name in ("vault", "vault.key"):
            shutil.copy2(backup / name, kept.state / name)
    async with running(kept) as daemon:
        await opens(daemon)
        assert await daemon.stop() == 0
