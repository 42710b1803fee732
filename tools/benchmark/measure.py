"""What the benchmarks share: timing in turn, peak memory in a fresh process, table rows."""

import argparse
import ctypes
import logging
import multiprocessing
import statistics
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

COLUMNS = ('what', 'other form', 'ours', 'ratio', 'quartiles', 'target', 'met')
MIB = 2**20


@dataclass
class Row:
    """A measured ratio beside its target.

    Args:
        what (str): What was measured.
        stock (str): Value of the other form, such as the toolbox's, with its unit.
        ours (str): Value of ours.
        ratio (float, optional): How many times faster or smaller ours is; below 1 it is
            slower or larger. None where there is no other form.
        target (float, optional): What the ratio should be at least. Defaults to None.
        quartiles (tuple[float, float], optional): Of the ratios of single repeats.
    """

    what: str
    stock: str
    ours: str
    ratio: float | None
    target: float | None = None
    quartiles: tuple[float, float] | None = None

    def __str__(self) -> str:
        ratio = '' if self.ratio is None else f'{self.ratio:.3g}'
        spread = '–'.join(f'{q:.3g}' for q in self.quartiles) if self.quartiles else ''
        target = met = ''
        if self.target is not None:
            target = f'{self.target:g}'
            met = 'yes' if self.ratio >= self.target else '**no**'
        cells = [self.what, self.stock, self.ours, ratio, spread, target, met]
        return table_line(cells)


def rounded(value: float) -> str:
    """Three digits, and all before the point."""
    return f'{value:.3g}' if value < 1000 else f'{value:,.0f}'


def check_equal(what: str, stock: object, ours: object, tolerance: float) -> None:
    """Refuse to compare forms that do not compute the same.

    Args:
        what (str): What both compute.
        stock, ours (Tensor | np.ndarray | float): Its values.
        tolerance (float): Largest difference, relative to the largest value of ``stock``.

    Raises:
        RuntimeError: They differ by more, or in shape.
    """
    one, other = (torch.as_tensor(v, dtype=torch.float64).cpu() for v in (stock, ours))
    if one.shape != other.shape:
        shapes = f'{tuple(one.shape)} and {tuple(other.shape)}'
        raise RuntimeError(f'{what}: the forms have results of the shapes {shapes}')
    gap = float((one - other).abs().max() / one.abs().max().clamp(min=1e-12))
    if not gap <= tolerance:
        raise RuntimeError(f'{what}: the forms differ by {gap:.2g}, at most {tolerance:g}')


def table_line(cells: Iterable[str]) -> str:
    """Line of a markdown table."""
    return '| ' + ' | '.join(cells) + ' |'


def seconds_in_turn(
    forms: dict[str, Callable[[], object]], options: argparse.Namespace
) -> dict[str, list[float]]:
    """Time forms A B B A ..., so that a busy moment of the machine meets all of them.

    Args:
        forms (dict[str, Callable]): What is timed, without arguments.
        options (Namespace): ``repeats``, ``clock`` and ``device``.

    Returns:
        dict[str, list[float]]: Seconds of each repeat after one untimed round.
    """
    clock = time.process_time if options.clock == 'cpu' else time.perf_counter
    seconds = {name: [] for name in forms}
    turns = list(forms.items())
    for _, form in turns:
        form()
    for _ in range(options.repeats):
        # There and back: the first of a round often pays for memory given back before.
        turns.reverse()
        for name, form in turns:
            _synchronise(options.device)
            start = clock()
            form()
            _synchronise(options.device)
            seconds[name].append(clock() - start)
    return seconds


def time_row(
    what: str, seconds: dict[str, list[float]], target: float | None = None
) -> Row:
    """Row of two timed forms, ``stock`` and ``ours``.

    Args:
        what (str): What was timed.
        seconds (dict[str, list[float]]): From :func:`seconds_in_turn`.
        target (float, optional): Least ratio. Defaults to None.

    Returns:
        Row: Medians in milliseconds, the ratio of both.
    """
    stock, ours = (statistics.median(seconds[name]) for name in ('stock', 'ours'))
    pairs = [a / b for a, b in zip(seconds['stock'], seconds['ours'])]
    quartiles = statistics.quantiles(pairs, n=4, method='inclusive')
    cells = (f'{rounded(1e3 * value)} ms' for value in (stock, ours))
    return Row(what, *cells, stock / ours, target, (quartiles[0], quartiles[2]))


def memory_row(what: str, stock: int, ours: int, target: float | None = None) -> Row:
    """Row of two peaks in bytes."""
    cells = (f'{rounded(value / MIB)} MiB' for value in (stock, ours))
    return Row(f'{what}: memory', *cells, stock / max(ours, 1), target)


def keep_freed_memory() -> None:
    """Let glibc keep blocks of up to 32 MiB that are freed.

    By itself it gives some back, and the form that happens to ask next pays for the pages.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # another C library
    mmap_threshold, trim_threshold = -3, -1
    set_option(mmap_threshold, 2**25)
    set_option(trim_threshold, 2**26)


def extra_peak_bytes(form: Callable[[], object], device: str) -> int:
    """Most memory a call takes above what is held before it.

    On a CPU the kernel's high mark of resident memory (Linux), so call it through
    :func:`in_fresh_process`; on a GPU the allocator's.
    """
    if torch.device(device).type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        form()
        return torch.cuda.max_memory_allocated(device) - before
    Path('/proc/self/clear_refs').write_text('5')  # resets the high mark
    before = _high_mark()
    form()
    return _high_mark() - before


class Peak:
    """Most memory of this process alone while it is watched, by a thread.

    Attributes:
        before, most (int): Bytes that belong to no file.
    """

    def __enter__(self) -> 'Peak':
        self.before = self.most = own_memory()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while not self.stop.wait(0.02):
            self.most = max(self.most, own_memory())

    def __exit__(self, *error) -> None:
        self.stop.set()
        self.thread.join()
        self.most = max(self.most, own_memory())


def own_memory() -> int:
    """Bytes of resident memory that belong to no file, now (Linux)."""
    return _status('RssAnon')


def peak_in_fresh_process(function: Callable[..., int], *arguments) -> int:
    """Peak of a module-level function whose last argument is the device.

    In a new interpreter, whose memory has never been larger; on a GPU here, where the
    allocator tells.
    """
    if torch.device(arguments[-1]).type == 'cuda':
        threads = torch.get_num_threads()  # The function may ask for fewer.
        torch.cuda.empty_cache()
        try:
            return function(*arguments)
        finally:
            torch.set_num_threads(threads)
    return in_fresh_process(function, *arguments)


def in_fresh_process(function: Callable, *arguments):
    """Result of a module-level function in a new interpreter."""
    context = multiprocessing.get_context('spawn')
    quiet = (logging.disable, (logging.root.manager.disable,))
    with ProcessPoolExecutor(1, context, *quiet) as pool:
        return pool.submit(function, *arguments).result()


def repeats(text: str) -> int:
    """Number of timed runs of a command line.

    Raises:
        ArgumentTypeError: It is less than 2, which have no quartiles.
    """
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f'must be an integer of at least 2, got {text}')
    return int(text)


def parse_options(description: str) -> argparse.Namespace:
    """Command line of every benchmark."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument(
        '--repeats', type=repeats, default=25, help='timed runs of each form, at least 2'
    )
    parser.add_argument('--threads', type=int, default=1, help="PyTorch's CPU threads")
    parser.add_argument(
        '--clock',
        choices=['wall', 'cpu'],
        default='wall',
        help='cpu counts the time of this process only, for a busy machine',
    )
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--full', action='store_true', help='sizes that take an hour too')
    parser.add_argument('--tiny', action='store_true', help='small inputs, to try it')
    options = parser.parse_args()
    if options.tiny:
        options.repeats = min(options.repeats, 2)
    return options


def print_table(
    benchmarks: Iterable[Callable[[argparse.Namespace], Iterable[Row]]], description: str
) -> None:
    """Run benchmarks and print their rows as one markdown table."""
    options = parse_options(description)
    torch.set_num_threads(options.threads)
    logging.disable(logging.WARNING)  # the toolbox tells of every frozen parameter
    measured, failed = [], []
    for rows in benchmarks:
        try:
            for row in rows(options):
                if options.tiny:
                    row.target = None  # It was set for the real size.
                measured.append(row)
                # At once, so that nothing is lost; the table is in one piece at the end.
                print(row, file=sys.stderr, flush=True)
        except Exception as error:
            traceback.print_exc()
            failed.append(f'{rows.__module__}: {type(error).__name__}: {error}')
    print(table_line(COLUMNS), table_line(['---'] * len(COLUMNS)), sep='\n')
    print(*measured, sep='\n')
    if failed:
        raise SystemExit('Broken off: ' + '; '.join(failed))


def _synchronise(device: str) -> None:
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)


def _high_mark() -> int:
    return _status('VmHWM')


def _status(name: str) -> int:
    """Bytes of a line of the kernel's account of this process."""
    status = Path('/proc/self/status').read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])
