"""What the benchmarks share: timing in turn, peak memory in a fresh process, table rows."""

import argparse
import logging
import multiprocessing
import operator
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

COMPARISONS = {'<=': operator.le, '>=': operator.ge}
COLUMNS = ('what', 'toolbox', 'ours', 'ratio', 'quartiles', 'target', 'met')


@dataclass
class Row:
    """A measured ratio beside its target.

    Args:
        what (str): What was measured.
        stock (str): Value of the toolbox's own form, with its unit.
        ours (str): Value of ours.
        ratio (float): The number that has a target.
        target (str, optional): Comparison and bound, such as ``'>= 5'``. Defaults to None.
        quartiles (tuple[float, float], optional): Of the ratios of single repeats.
    """

    what: str
    stock: str
    ours: str
    ratio: float
    target: str | None = None
    quartiles: tuple[float, float] | None = None

    def __str__(self) -> str:
        spread = '–'.join(f'{q:.3g}' for q in self.quartiles) if self.quartiles else ''
        met = ''
        if self.target:
            comparison, bound = self.target.split()
            met = 'yes' if COMPARISONS[comparison](self.ratio, float(bound)) else '**no**'
        cells = [self.what, self.stock, self.ours, f'{self.ratio:.3g}', spread]
        return table_line([*cells, self.target or '', met])


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
    what: str,
    seconds: dict[str, list[float]],
    target: str | None = None,
    faster: bool = True,
) -> Row:
    """Row of two timed forms, ``stock`` and ``ours``.

    Args:
        what (str): What was timed.
        seconds (dict[str, list[float]]): From :func:`seconds_in_turn`.
        target (str, optional): Bound of the ratio. Defaults to None.
        faster (bool): The ratio of medians is stock / ours; otherwise ours / stock.

    Returns:
        Row: Medians in milliseconds.
    """
    over, under = ('stock', 'ours') if faster else ('ours', 'stock')
    median = {name: statistics.median(values) for name, values in seconds.items()}
    pairs = [a / b for a, b in zip(seconds[over], seconds[under])]
    quartiles = statistics.quantiles(pairs, n=4, method='inclusive')
    return Row(
        what,
        f'{1e3 * median["stock"]:.3g} ms',
        f'{1e3 * median["ours"]:.3g} ms',
        median[over] / median[under],
        target,
        (quartiles[0], quartiles[2]),
    )


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


def in_fresh_process(function: Callable, *arguments):
    """Result of a module-level function in a new interpreter."""
    context = multiprocessing.get_context('spawn')
    quiet = (logging.disable, (logging.root.manager.disable,))
    with ProcessPoolExecutor(1, context, *quiet) as pool:
        return pool.submit(function, *arguments).result()


def parse_options(description: str) -> argparse.Namespace:
    """Command line of every benchmark."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument('--repeats', type=int, default=25, help='timed runs of each form')
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
    measured = [row for rows in benchmarks for row in rows(options)]
    # All at the end: the toolbox prints in between.
    print(table_line(COLUMNS), table_line(['---'] * len(COLUMNS)), sep='\n')
    for row in measured:
        if options.tiny:
            row.target = None  # It was set for the real size.
        print(row)


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
