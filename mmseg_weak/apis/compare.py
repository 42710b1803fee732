"""Train and test several configs or lists of stages with several seeds, side by side."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from .._files import write_json
from .._processes import die_with_parent
from ..tables import markdown_table
from .launch import find_checkpoint, require_writable
from .stopwatch import Stopwatch

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@dataclass(frozen=True)
class Run:
    """One training and its test.

    Attributes:
        config (Path): Config file.
        seed (int): Random seed.
        folder (Path): Where logs, checkpoints and ``result.json`` go.
        options (tuple[str, ...]): Overrides as ``key.sub_key=value``.
    """

    config: Path
    seed: int
    folder: Path
    options: tuple[str, ...] = ()

    @property
    def result_file(self) -> Path:
        """Metrics and duration; a run that has it is finished."""
        return self.folder / 'result.json'

    @property
    def time_file(self) -> Path:
        """Minutes of training so far."""
        return self.folder / 'minutes.json'


def plan_runs(
    configs: Sequence[str], seeds: Sequence[int], work_dir: str, options: Sequence[str] = ()
) -> list[Run]:
    """Runs of every config with every seed, seed by seed.

    Raises:
        FileNotFoundError: A config does not exist.
        ValueError: Two configs have the same file name, or ``work_dir`` is not writable.
    """
    paths = [Path(config) for config in configs]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f'config {path} does not exist')
    if len({path.stem for path in paths}) < len(paths):
        raise ValueError('two configs have the same file name; their runs would mix')
    require_writable(work_dir)
    root = Path(work_dir)
    return [
        Run(path, seed, root / path.stem / f'seed_{seed}', tuple(options))
        for seed in seeds
        for path in paths
    ]


def run_all(runs: Sequence[Run], jobs: int = 1, tta: bool = False) -> list[dict]:
    """Do what is not done yet; finished runs are read, broken-off trainings resumed.

    Args:
        runs (Sequence[Run]): From :func:`plan_runs`.
        jobs (int): Runs at a time; each gets an equal share of the processor cores, unless
            ``OMP_NUM_THREADS`` is set.
        tta (bool): Test with several scales and flip as well.

    Returns:
        list[dict]: Per run ``config``, ``seed``, ``metrics``, ``tta_metrics`` (or None) and
        ``minutes`` of training (all parts of a resumed one; for a list of stages, of all
        its stages), in the order of ``runs``.

    Raises:
        ValueError: A run failed; the message names its log.
    """
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda run: _run_once(run, threads, tta), runs))


def _run_once(run: Run, threads: int, tta: bool) -> dict:
    """Train and test one run unless its result stands."""
    if run.result_file.is_file():
        result = json.loads(run.result_file.read_text())
    else:
        print_log(f'training {run.config.stem}, seed {run.seed}')
        seed = ('--seed', str(run.seed))
        staged = stage_results(run.config)
        with Stopwatch(run.time_file) as watch:
            if staged:
                _call(run, threads, 'run_stages.py', str(run.config), *seed)
            else:
                _call(run, threads, 'train.py', str(run.config), *seed, '--resume')
        if staged:
            metrics, tta_metrics = (_read(run, name) for name in staged)
        else:
            metrics, tta_metrics = _test(run, threads, 'metrics.json'), None
        result = dict(
            config=run.config.stem,
            seed=run.seed,
            minutes=watch.minutes,
            metrics=metrics,
            tta_metrics=tta_metrics,
        )
        write_json(run.result_file, result)
    if tta and result['tta_metrics'] is None:
        if stage_results(run.config):
            raise ValueError(f'{run.config} defines no tta_metrics')
        result['tta_metrics'] = _test(run, threads, 'tta_metrics.json', '--tta')
        write_json(run.result_file, result)
    print_log(f'{run.config.stem}, seed {run.seed}: mIoU {result["metrics"]["mIoU"]:.2f}')
    return result


def stage_results(config: Path) -> tuple[str, str | None] | None:
    """Where a list of stages leaves its metrics, and those with TTA, in its work dir.

    Returns:
        tuple[str, str | None] | None: ``metrics`` and ``tta_metrics`` of the config; None
        for a config of one training, and for one that cannot be read.
    """
    try:
        content = Config.fromfile(str(config), import_custom_modules=False)
    except Exception:  # whatever a broken config raises; the training will say so
        return None
    if 'stages' not in content:
        return None
    if 'metrics' not in content:
        raise ValueError(f'{config} has stages, but does not name the file of its metrics')
    return content.metrics, content.get('tta_metrics')


def _read(run: Run, name: str | None) -> dict | None:
    """Metrics that a stage wrote."""
    return json.loads((run.folder / name).read_text()) if name else None


def _test(run: Run, threads: int, name: str, *options: str) -> dict:
    """Metrics of the newest checkpoint."""
    out = run.folder / name
    checkpoint = find_checkpoint(str(run.folder))
    arguments = (str(run.config), checkpoint, '--metrics-out', str(out))
    _call(run, threads, 'test.py', *arguments, *options)
    return json.loads(out.read_text())


def _call(run: Run, threads: int, tool: str, *arguments: str) -> None:
    """One of our tools in a process of its own, its output in a log file."""
    run.folder.mkdir(parents=True, exist_ok=True)
    log = run.folder / f'{Path(tool).stem}.log'
    command = [sys.executable, str(TOOLS / tool), *arguments]
    command += ['--work-dir', str(run.folder)]
    if run.options:
        command += ['--cfg-options', *run.options]
    environment = dict(os.environ, PYTHONWARNINGS='ignore')
    environment.setdefault('OMP_NUM_THREADS', str(threads))
    with open(log, 'a') as file:
        code = subprocess.run(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=partial(die_with_parent, os.getpid()),
        ).returncode
    if code:
        tail = '\n'.join(log.read_text().splitlines()[-3:])
        raise ValueError(
            f'{tool} failed for {run.config.stem} (exit code {code}; a negative one is the '
            f'signal that killed it), see {log}:\n{tail}'
        )


def format_table(results: Sequence[dict], metric: str = 'mIoU') -> str:
    """Markdown table: per config the mean, the standard deviation and each seed.

    Args:
        results (Sequence[dict]): From :func:`run_all`.
        metric (str): Key of the metrics. Defaults to ``mIoU``.

    Returns:
        str: Rows in the order in which configs first occur.
    """
    tta = any(result['tta_metrics'] for result in results)
    names = list(dict.fromkeys(result['config'] for result in results))
    head = ['config', metric, 'seeds', *([f'{metric}, TTA'] if tta else []), 'minutes']
    rows = []
    for name in names:
        runs = [result for result in results if result['config'] == name]
        scores = [run['metrics'][metric] for run in runs]
        cells = [name, _mean(scores), ', '.join(f'{score:.2f}' for score in scores)]
        if tta:
            cells.append(_mean([run['tta_metrics'][metric] for run in runs]))
        cells.append(f'{statistics.mean(run["minutes"] for run in runs):.1f}')
        rows.append(cells)
    return markdown_table(head, rows)


def _mean(scores: list[float]) -> str:
    """Mean and, with several values, their sample standard deviation."""
    if len(scores) == 1:
        return f'{scores[0]:.2f}'
    return f'{statistics.mean(scores):.2f} ± {statistics.stdev(scores):.2f}'
