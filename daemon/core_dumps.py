"""How is it kept from happening that a crash writes every secret in memory to the disk?"""

import ctypes
import resource
from contextlib import suppress

PR_SET_DUMPABLE = 4  # <linux/prctl.h>
NONE = (0, 0)


def forbid() -> None:
    """Let this process leave no core, and nobody but root look into its memory.

    No limit counts where cores are piped to a program, as systemd-coredump is given them, but that
    the process is not dumpable does (core(5), PR_SET_DUMPABLE(2const)). The price: only root can
    attach a debugger or a tracer. Where the host has no such thing, it does without.
    """
    with suppress(OSError, ValueError):
        if resource.getrlimit(resource.RLIMIT_CORE) != NONE:  # a unit's filter may forbid to set it
            resource.setrlimit(resource.RLIMIT_CORE, NONE)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
