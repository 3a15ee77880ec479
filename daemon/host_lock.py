"""Is this the only daemon on this state, and the only one on this socket?"""

import fcntl
import os
import socket
from pathlib import Path

from daemon.strict_toml import ConfigurationError

SOCKET_PATH_MAX = 107  # bytes; what fits into sockaddr_un


class InUse(Exception):
    """Somebody else has it; the sentence says who and what to do."""


def lock(state: Path) -> int:
    """Take the state directory for this process. Raises InUse, ConfigurationError."""
    try:
        fd = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"the state directory {state} cannot be used ({error.strerror}); give it to the user "
            "that runs roundsd, or name another one with `state`"
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "?"
        os.close(fd)
        raise InUse(
            f"another roundsd (process {holder}) works on {state}; stop that one first, or name "
            "another state directory"
        ) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def listen(path: Path, *, shared: bool = False) -> socket.socket:
    """Listen on a Unix socket that only this user can reach. Raises InUse, ConfigurationError.

    A `shared` one others reach too, who may enter its directory: who may ask what, its server says.

    A file that nobody answers at was left by a process that died, and is replaced.
    """
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        raise ConfigurationError(
            f"the socket's path {path} has more than {SOCKET_PATH_MAX} bytes; name a shorter one "
            "with `socket` in the configuration"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"the socket's directory {path.parent} cannot be made ({error.strerror}); name another "
            "`socket` in the configuration"
        ) from error
    if path.exists():
        _replace(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o111 if shared else 0o177)
    try:
        listener.bind(os.fspath(path))
    except OSError as error:
        listener.close()
        raise InUse(f"cannot listen on {path}: {error.strerror}; name another `socket`") from error
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def _replace(path: Path) -> None:
    if not path.is_socket():
        raise InUse(f"{path} is there and is no socket; move it away, or name another `socket`")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise InUse(f"cannot look at the socket {path}: {error.strerror}") from error
    raise InUse(f"another process answers on {path}; stop it first, or name another `socket`")
