"""One job for every image of a data set, in one process or in several."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from .._processes import die_with_parent


def run_in_workers(
    make: Callable[..., Callable[[int], Any]], todo: Sequence[int], workers: int, *job
) -> Iterator[Any]:
    """Call a worker with each index; yields its results in order.

    Args:
        make (Callable): ``make(*job)`` gives the worker ``index -> result``; it is called
            once in every process. Must be importable by name, like the job picklable.
        todo (Sequence[int]): The indices.
        workers (int): Processes, >= 1. With one, everything runs here.
        *job: Arguments of ``make``.

    Yields:
        The result for each index.

    Raises:
        ValueError: A process was killed.
    """
    workers = min(workers, len(todo))
    if workers <= 1:
        yield from map(make(*job), todo)
        return
    threads = max(1, torch.get_num_threads() // workers)
    # Not forked: threads of torch and a GPU do not survive a fork.
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context('spawn'),
        _start_worker,
        (os.getpid(), threads, make, job),
    )
    try:
        yield from pool.map(_run, todo, chunksize=4)
    except BrokenProcessPool:
        raise ValueError(
            'a worker was killed, perhaps for lack of memory; what is finished stays, call '
            'again with fewer workers'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


_worker: list = []


def _start_worker(parent: int, threads: int, make: Callable, job: tuple) -> None:
    """Remember the job; a mistake in it is raised with the first image, not here, where it
    would only break the pool."""
    die_with_parent(parent)
    torch.set_num_threads(threads)
    _worker[:] = [None, make, job]


def _run(index: int) -> Any:
    if _worker[0] is None:
        _worker[0] = _worker[1](*_worker[2])
    return _worker[0](index)
