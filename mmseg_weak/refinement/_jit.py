"""Compilation of inner loops."""

from collections.abc import Callable

import numba


def jit(function: Callable) -> Callable:
    """Compile lazily, cached on disk where numba finds a folder it may write."""
    try:
        return numba.njit(function, cache=True, nogil=True, error_model='numpy')
    except RuntimeError:  # no such folder: read-only installation, no home
        return numba.njit(function, nogil=True, error_model='numpy')
