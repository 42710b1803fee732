"""Train and test several configs or lists of stages with several seeds, side by side."""

import argparse
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path

from mmengine.config import Config

from .. import config_path
from .._messages import reason_of
from ..apis.cfg_options import MergedDictAction
from ..apis.launch import require_writable
from ..datasets.json_objects import parse_json_object
from ..tables import markdown_table
from .plan import Stage, load_stages, plan_stages
from .run import run_stages
from .state import read_state


@dataclass(frozen=True)
class Run:
    """The stages of one config with one seed.

    Attributes:
        config (str): Name of the config.
        seed (int): Random seed.
        stages (tuple[Stage, ...]): What to do; names begin with config and seed.
        metrics (Path): Where the last test leaves its metrics.
        tta_metrics (Path, optional): The same with several scales and flip.
        timed (tuple[Stage, ...]): Stages whose minutes count.
    """

    config: str
    seed: int
    stages: tuple[Stage, ...]
    metrics: Path
    tta_metrics: Path | None
    timed: tuple[Stage, ...]


def plan_runs(
    configs: Sequence[str],
    seeds: Sequence[int],
    work_dir: str,
    options: Sequence[str] = (),
    tta: bool = False,
) -> list[Run]:
    """Runs of every config with every seed, seed by seed.

    Args:
        configs (Sequence[str]): Configs of trainings or lists of stages.
        seeds (Sequence[int]): Random seeds.
        work_dir (str): Of all; a run has ``CONFIG/seed_SEED`` there.
        options (Sequence[str]): Overrides of every config, ``key=value``.
        tta (bool): Test with several scales and flip as well. Defaults to False.

    Raises:
        FileNotFoundError: A config does not exist.
        ValueError: Two configs have the same file name, one cannot be read, a list does
            not say where its metrics are, or ``work_dir`` is not writable.
    """
    paths = [Path(config_path(config)) for config in configs]
    if len({path.stem for path in paths}) < len(paths):
        raise ValueError('two configs have the same file name; their runs would mix')
    require_writable(work_dir)
    plan = _Plan(Path(work_dir), tuple(options), tta)
    return [plan.run(path, seed) for seed in seeds for path in paths]


def run_all(runs: Sequence[Run], jobs: int = 1) -> list[dict]:
    """Do what is not done yet; finished stages are read, broken-off ones go on.

    Args:
        runs (Sequence[Run]): From :func:`plan_runs`.
        jobs (int): Commands at a time; each gets an equal share of the processor cores,
            unless ``OMP_NUM_THREADS`` is set.

    Returns:
        list[dict]: Per run ``config``, ``seed``, ``metrics``, ``tta_metrics`` (or None) and
        ``minutes`` of training (all parts of a resumed one; for a list of stages, of all
        its stages), in the order of ``runs``.

    Raises:
        ValueError: Stages failed (all that do not need them ran first), or a work dir is in
            use; the message names the log.
    """
    run_stages([stage for run in runs for stage in run.stages], jobs=jobs, keep_going=True)
    return [_result(run) for run in runs]


def _result(run: Run) -> dict:
    """Metrics and minutes of a finished run."""
    tta, states = run.tta_metrics, [read_state(stage.folder) for stage in run.timed]
    return dict(
        config=run.config,
        seed=run.seed,
        minutes=sum(state.minutes for state in states if state),
        metrics=_metrics(run.metrics),
        tta_metrics=_metrics(tta) if tta else None,
    )


def _metrics(path: Path) -> dict:
    """Scores that a test has left.

    Raises:
        ValueError: The file is damaged.
    """
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: unreadable ({reason_of(error)})') from None
    return parse_json_object(str(path), text, '{"mIoU": 50.0}')


@dataclass(frozen=True)
class _Plan:
    """What all runs have in common."""

    root: Path
    options: tuple[str, ...]
    tta: bool

    def run(self, path: Path, seed: int) -> Run:
        """Stages of a config with a seed."""
        folder = self.root / path.stem / f'seed_{seed}'
        results = stage_results(path)
        if results:
            stages = load_stages(str(path), str(folder), seed, self._parsed())
            timed = stages
        else:
            results = 'test/metrics.json', 'test_tta/metrics.json' if self.tta else None
            stages = plan_stages(self._single(path), folder, seed)
            timed = stages[:1]
        if self.tta and not results[1]:
            raise ValueError(f'{path} defines no tta_metrics')
        metrics, tta_metrics = (folder / name if name else None for name in results)
        named = tuple(_below(f'{path.stem}/seed_{seed}', stage) for stage in stages)
        return Run(path.stem, seed, named, metrics, tta_metrics, tuple(timed))

    def _single(self, path: Path) -> dict:
        """A list of one training and its tests."""
        words = ['--cfg-options', *self.options] if self.options else []
        test = dict(type='Test', network='train')
        stages = [
            dict(type='Train', name='train', config=str(path)),
            dict(test, name='test'),
        ]
        if self.tta:
            stages.append(dict(test, name='test_tta', tta=True))
        words = [word.replace('{', '{{').replace('}', '}}') for word in words]
        return dict(stages=stages, train_options=words, test_options=words)

    def _parsed(self) -> dict:
        """Overrides of a list of stages."""
        parser = argparse.ArgumentParser()
        parser.add_argument('--cfg-options', nargs='*', action=MergedDictAction)
        return parser.parse_args(['--cfg-options', *self.options]).cfg_options


def _below(prefix: str, stage: Stage) -> Stage:
    """The same stage among those of other runs."""
    needs = tuple(f'{prefix}/{name}' for name in stage.needs)
    spared = tuple(f'{prefix}/{name}' for name in stage.spared)
    return replace(stage, name=f'{prefix}/{stage.name}', needs=needs, spared=spared)


def stage_results(config: Path) -> tuple[str, str | None] | None:
    """Where a list of stages leaves its metrics, and those with TTA, in its work dir.

    Returns:
        tuple[str, str | None] | None: ``metrics`` and ``tta_metrics`` of the config; None
        for a config of one training, and for one that cannot be read.
    """
    try:
        content = Config.fromfile(str(config), import_custom_modules=False)
    except Exception:  # whatever a broken config raises; the plan will say so
        return None
    if 'stages' not in content:
        return None
    if 'metrics' not in content:
        raise ValueError(f'{config} has stages, but does not name the file of its metrics')
    return content.metrics, content.get('tta_metrics')


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
        scores = [_score(run, 'metrics', metric) for run in runs]
        cells = [name, _mean(scores), ', '.join(f'{score:.2f}' for score in scores)]
        if tta:
            cells.append(_mean([_score(run, 'tta_metrics', metric) for run in runs]))
        cells.append(f'{statistics.mean(run["minutes"] for run in runs):.1f}')
        rows.append(cells)
    return markdown_table(head, rows)


def _score(run: dict, kind: str, metric: str) -> float:
    """One metric of a run, NaN where the test found nothing to score (null in the file)."""
    found = run[kind] or {}
    if metric in found and found[metric] is None:
        return math.nan
    if not isinstance(found.get(metric), (int, float)):
        raise ValueError(
            f'{run["config"]}, seed {run["seed"]}: {kind} have no {metric!r}, they have '
            f'{", ".join(found) or "nothing"}'
        )
    return found[metric]


def _mean(scores: list[float]) -> str:
    """Mean and, with several values, their sample standard deviation."""
    if any(map(math.isnan, scores)):
        return '–'
    if len(scores) == 1:
        return f'{scores[0]:.2f}'
    return f'{statistics.mean(scores):.2f} ± {statistics.stdev(scores):.2f}'


# Of a line of metrics, what is no score.
ASIDE = ('data_time', 'time', 'step', 'iter', 'epoch', 'memory')


def scores(stage: Stage) -> dict[str, float]:
    """Scores of a test, or of the last validation of a training.

    Args:
        stage (Stage): After it ran.

    Returns:
        dict[str, float]: Name to value, empty where there are none.
    """
    found: dict = {}
    for path in stage.outputs:
        if path.name == 'metrics.json' and path.is_file():
            found = _numbers(path.read_text())
    for path in sorted(stage.folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            entry = _numbers(line)
            if 'loss' not in entry:
                found = entry or found
    return {name: value for name, value in found.items() if name not in ASIDE}


def _numbers(text: str) -> dict[str, float]:
    """Numbers of a JSON object; empty where a kill left half of it."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    entries = content.items() if isinstance(content, dict) else ()
    return {name: value for name, value in entries if isinstance(value, Real)}


def told(found: dict[str, float]) -> str:
    """Scores in a line; nothing without any."""
    return ''.join(f'  {name} {value:.2f}' for name, value in found.items())
