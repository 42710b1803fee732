"""Call a label maker for many images, here or in several processes."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import torch

from .._processes import die_with_parent

Maker = Callable[[int], object]


def map_images(
    factory: Callable[..., Maker], job: tuple, todo: Sequence[int], workers: int = 1
) -> Iterator[object]:
    """Results of ``factory(*job)(index)`` in the order of the indices.

    Args:
        factory (Callable): Makes the maker, once in each process; importable by name.
        job (tuple): Its arguments; they are sent to the processes.
        todo (Sequence[int]): Indices.
        workers (int): Processes, >= 1. Defaults to 1, this one.

    Yields:
        object: What the maker returns.

    Raises:
        ValueError: A worker was killed; or what the maker raises.
    """
    workers = min(workers, len(todo))
    if workers <= 1:
        yield from map(factory(*job), todo) if len(todo) else ()
        return
    threads = max(1, torch.get_num_threads() // workers)
    # Not forked: threads of torch and a GPU do not survive a fork.
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context('spawn'),
        _start_worker,
        (os.getpid(), threads, factory, job),
    )
    try:
        yield from pool.map(_call, todo, chunksize=4)
    except BrokenProcessPool:
        raise ValueError(
            'a worker was killed, perhaps for lack of memory; finished labels stay, call '
            'again with fewer workers'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


_worker: list = []


def _start_worker(
    parent: int, threads: int, factory: Callable[..., Maker], job: tuple
) -> None:
    """Remember the job; a mistake in it is raised with the first image, not here, where it
    would only break the pool."""
    die_with_parent(parent)
    torch.set_num_threads(threads)
    _worker[:] = [None, factory, job]


def _call(index: int) -> object:
    if _worker[0] is None:
        _worker[0] = _worker[1](*_worker[2])
    return _worker[0](index)
