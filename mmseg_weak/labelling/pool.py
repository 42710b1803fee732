"""Share images among processes: workers of this one, and the ranks of torchrun."""

import datetime
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
import torch
import torch.distributed as torch_dist

from .._processes import die_with_parent

Maker = Callable[[int], object]
# Ranks wait for the slowest of them, which may take days.
PATIENCE = datetime.timedelta(days=30)


class Ranks:
    """The processes that torchrun started, on one or several machines with one file system.

    Without torchrun there is one.

    Attributes:
        rank (int): Which one this is.
        size (int): How many there are.
    """

    def __init__(self) -> None:
        launched = 'MASTER_ADDR' in os.environ and int(os.environ.get('WORLD_SIZE', 1)) > 1
        if launched and not torch_dist.is_initialized():
            torch_dist.init_process_group('gloo', timeout=PATIENCE)
        together = torch_dist.is_initialized()
        self.rank = torch_dist.get_rank() if together else 0
        self.size = torch_dist.get_world_size() if together else 1

    def device(self, name: str) -> str:
        """The GPU of this rank where ``cuda`` is asked for, else the name itself."""
        local = os.environ.get('LOCAL_RANK')
        return f'cuda:{local}' if name == 'cuda' and self.size > 1 and local else name

    def share(self, indices: Sequence[int]) -> Sequence[int]:
        """What this rank does of a list."""
        return indices[self.rank :: self.size]

    def first(self, function: Callable[[], Any]) -> Any:
        """Call a function in the first rank, once all have come here.

        Returns:
            Any: What it returns, in every rank.

        Raises:
            OSError, ValueError: What it raises; the other ranks leave without a word.
        """
        if self.size == 1:
            return function()
        answer: list = [None, None]
        self._together(torch_dist.barrier)
        if self.rank == 0:
            try:
                answer[0] = function()
            except (OSError, ValueError) as error:
                answer[1] = error
        self._together(lambda: torch_dist.broadcast_object_list(answer))
        if answer[1] is not None:
            raise answer[1] if self.rank == 0 else SystemExit(1)
        return answer[0]

    def sum(self, counts: np.ndarray) -> np.ndarray:
        """Sum of the whole numbers that every rank has, in every rank."""
        total = torch.from_numpy(counts)
        if self.size > 1:
            self._together(lambda: torch_dist.all_reduce(total))
        return total.numpy()

    def _together(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except RuntimeError as error:  # gloo: the connection to a rank is gone
            reason = str(error).splitlines()[0]
            raise ValueError(
                f'another rank has ended ({reason}); finished labels stay, call again'
            ) from None


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
