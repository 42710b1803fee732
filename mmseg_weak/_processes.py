"""Processes that do not outlive the one that started them."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
# Loaded here: nothing may be imported between fork and exec.
_libc = ctypes.CDLL(None) if sys.platform.startswith('linux') else None


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent ends, even by SIGKILL.

    Call it in the child, for instance in ``preexec_fn``. SIGTERM is sent, which lets
    ``torchrun`` end its own processes. Does nothing where there is no such call (Linux has
    it).

    Args:
        parent (int): Process id of the parent, which may be gone by now.
    """
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
