"""Everything that is to be measured on a GPU, in under ten minutes.

    python tools/benchmark/gpu.py --out work_dirs/gpu
    python tools/benchmark/gpu.py --out work_dirs/gpu --parts syncs profile
    python tools/benchmark/gpu.py --out work_dirs/dry --tiny --device cpu

Every part writes a Markdown file into ``--out`` and has a budget of time; one that fails or
takes too long leaves a line that says why, and the others go on. ``report.md`` has all.
``--tiny`` tries the script with small sizes where there is no GPU.
"""

import argparse
import logging
import platform
import signal
import statistics
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click_losses
import ema_update
import gpu_runs
import gpu_steps
import mmcv
import mmengine
import mmseg
import multi_scale_cam
import mutual_promotion
import refinement
import regularised_losses
import torch
from measure import COLUMNS, repeats, seconds_in_turn, table_line
from torch.profiler import ProfilerActivity, profile

Part = Callable[[argparse.Namespace], Iterator[str]]


def ratios(rows: Callable) -> Part:
    """Rows of one of the other benchmarks."""

    def part(options: argparse.Namespace) -> Iterator[str]:
        yield from header(COLUMNS)
        for row in rows(options):
            if options.tiny:
                row.target = None  # It was set for the real size.
            yield str(row)

    return part


def training_steps(options: argparse.Namespace) -> Iterator[str]:
    """A step with teacher and mmseg's plain one: speed and memory."""
    yield from header(('network', 'batch', 'form', 'it/s', 'quartiles', 'peak MiB'))
    for network, batch, form, make in gpu_steps.step_forms(options):
        try:
            seconds, peak = measured(make(), options)
        except Exception as error:
            # Such as a lack of memory; the next form is smaller.
            yield table_line([network, str(batch), form, reason(error), '', ''])
            continue
        speeds = [1 / value for value in seconds]
        low, _, high = statistics.quantiles(speeds, n=4, method='inclusive')
        cells = [f'{statistics.median(speeds):.3g}', f'{low:.3g}–{high:.3g}', peak]
        yield table_line([network, str(batch), form, *cells])


def syncs(options: argparse.Namespace) -> Iterator[str]:
    """Where a step of each method makes the host wait for the device."""
    yield from header(('method', 'passes', 'places'))
    on_gpu = torch.device(options.device).type == 'cuda'
    for method, make in gpu_steps.methods(options).items():
        step = make()
        step()  # What the first step sets up may wait.
        if not on_gpu:
            yield table_line([method, 'not asked: no GPU', ''])
            continue
        places = sync_places(step)
        named = ', '.join(f'{name} ({n})' for name, n in places.items())
        yield table_line([method, 'no' if places else 'yes', named])


def sync_places(step: Callable[[], None]) -> dict[str, int]:
    """Lines of a step that wait for the GPU, and how often; none if mode error passes."""
    with sync_mode('error'):
        try:
            step()
            return {}
        except RuntimeError as error:
            if 'synchroniz' not in str(error):
                raise
    places = {}
    with sync_mode('warn'), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        step()
    for warning in caught:
        if 'synchroniz' in str(warning.message):
            parts = Path(warning.filename).parts
            place = f'{"/".join(parts[-2:])}:{warning.lineno}'
            places[place] = places.get(place, 0) + 1
    return places


@contextmanager
def sync_mode(mode: str) -> Iterator[None]:
    """Torch's sync debug mode for a while."""
    torch.cuda.set_sync_debug_mode(mode)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode('default')


def profiles(options: argparse.Namespace) -> Iterator[str]:
    """Kernels of a step of each method, time on the device, and how long that waits."""
    yield from header(('method', 'kernels', 'device ms', 'step ms', 'gaps ms', 'longest'))
    on_gpu = torch.device(options.device).type == 'cuda'
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    for method, make in gpu_steps.methods(options).items():
        step = make()
        seconds, _ = measured(step, options)
        with profile(activities=kinds) as record:
            step()
        device = torch.autograd.DeviceType.CUDA if on_gpu else torch.autograd.DeviceType.CPU
        kernels = [
            e
            for e in record.events()
            if e.device_type == device and not e.is_user_annotation
        ]
        own = 'self_device_time_total' if on_gpu else 'self_cpu_time_total'
        busy = sum(getattr(e, own) for e in kernels) / 1e3
        whole = 1e3 * statistics.median(seconds)
        spent = Counter()
        for event in kernels:
            spent[event.name] += getattr(event, own)
        longest = max(spent, key=spent.get).replace('|', '/')[:60]
        numbers = [f'{value:.1f}' for value in (busy, whole, max(0, whole - busy))]
        yield table_line([method, str(len(kernels)), *numbers, f'`{longest}`'])


def measured(
    step: Callable[[], None], options: argparse.Namespace
) -> tuple[list[float], str]:
    """Seconds of each repeat after warming up, and peak memory in MiB on a GPU."""
    on_gpu = torch.device(options.device).type == 'cuda'
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    for _ in range(1 if options.tiny else 3):
        step()
    seconds = seconds_in_turn({'step': step}, options)['step']
    peak = f'{torch.cuda.max_memory_allocated() / 2**20:.0f}' if on_gpu else ''
    return seconds, peak


# Budgets in seconds: together less than ten minutes.
PARTS: dict[str, tuple[int, Part]] = {
    'tests': (90, gpu_runs.tests),
    'syncs': (25, syncs),
    'mutual_promotion': (110, ratios(mutual_promotion.rows)),
    'profiles': (40, profiles),
    'refinements': (15, ratios(refinement.device_rows)),
    'losses': (10, ratios(click_losses.rows)),
    'regularised_losses': (35, ratios(regularised_losses.rows)),
    'ema': (10, ratios(ema_update.rows)),
    'activation_maps': (15, ratios(multi_scale_cam.rows)),
    'trainings_and_labels': (110, gpu_runs.trainings_and_labels),
    'training_steps': (110, training_steps),  # compiles as long as it may
}


def run_part(name: str, part: Part, seconds: float, options: argparse.Namespace) -> str:
    """Markdown of a part; what was measured stays when it fails or its time is up."""
    lines, start = [f'## {name.replace("_", " ")}', ''], time.perf_counter()
    before = signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        for line in part(options):
            lines.append(line)
    except (Exception, TimeIsUp) as error:
        if options.traceback:
            traceback.print_exc()
        lines += ['', f'Broken off: {reason(error)}']
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    lines += ['', f'{time.perf_counter() - start:.0f} s of at most {seconds:.0f} s.', '']
    return '\n'.join(lines)


class TimeIsUp(BaseException):
    """The alarm of a part; no ``except Exception`` on the way may hold it back."""


def _time_is_up(*_) -> None:
    raise TimeIsUp('no time left')


def reason(error: BaseException) -> str:
    """One line of an error."""
    text = ' '.join(str(error).split()) or 'no message'
    return f'{type(error).__name__}: {text[:200]}'.replace('|', '/')


def header(columns: tuple[str, ...]) -> Iterator[str]:
    """First two lines of a table."""
    yield table_line(columns)
    yield table_line(['---'] * len(columns))


def machine(options: argparse.Namespace) -> str:
    """What it was measured on, and how."""
    card = 'no GPU'
    if torch.device(options.device).type == 'cuda':
        card = torch.cuda.get_device_name(options.device)
    modules = (torch, mmengine, mmcv, mmseg)
    versions = ', '.join(f'{module.__name__} {module.__version__}' for module in modules)
    command = ' '.join(['python', 'tools/benchmark/gpu.py', *sys.argv[1:]])
    return (
        f'{card}; Python {platform.python_version()}, {versions}; {options.repeats} '
        f'repeats, {options.threads} threads.\n\n`{command}`\n'
    )


def parse_args(words: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', required=True, type=Path, help='folder for the tables')
    parser.add_argument('--parts', nargs='+', choices=list(PARTS), default=list(PARTS))
    parser.add_argument('--seconds', type=float, default=570, help='for everything')
    parser.add_argument(
        '--repeats', type=repeats, default=15, help='timed runs of each form, at least 2'
    )
    parser.add_argument('--threads', type=int, default=4, help="PyTorch's CPU threads")
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--tiny', action='store_true', help='small inputs, to try it')
    parser.add_argument('--traceback', action='store_true', help='print errors in full')
    options = parser.parse_args(words)
    options.clock = 'wall'
    if options.tiny:
        options.repeats = min(options.repeats, 2)
    return options


def main(words: list[str] | None = None) -> None:
    """Run the parts one after the other."""
    options = parse_args(words)
    torch.set_num_threads(options.threads)
    logging.disable(logging.WARNING)  # the toolbox tells of every frozen parameter
    options.out.mkdir(parents=True, exist_ok=True)
    end, tables = time.perf_counter() + options.seconds, [machine(options)]
    for name in options.parts:
        budget, part = PARTS[name]
        budget *= 5 if options.tiny else 1  # a CPU is slow, whatever the size
        seconds = min(budget, end - time.perf_counter())
        table = run_part(name, part, seconds, options)
        (options.out / f'{name}.md').write_text(table)
        tables.append(table)
        (options.out / 'report.md').write_text('\n'.join(tables))
        print(table, flush=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


if __name__ == '__main__':
    main()
