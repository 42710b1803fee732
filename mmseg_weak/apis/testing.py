"""Test a checkpoint with mmengine's runner."""

import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS
from torch.utils.data import Dataset

from ..checkpoints import checkpoint_file, read_checkpoint
from ..evaluation import ClickIoUMetric
from .dataset_settings import single_datasets
from .launch import build_runner, require_writable
from .path_check import check_paths

PAINTER = dict(
    type='WeakSegLocalVisualizer',
    vis_backends=[dict(type='LocalVisBackend')],
    name='visualizer',
)


def test(
    config: Config,
    checkpoint: str,
    out: str | None = None,
    show_dir: str | None = None,
    tta: bool = False,
    verbose: bool = True,
) -> dict[str, float]:
    """Test a checkpoint.

    Args:
        config (Config): From :func:`~mmseg_weak.apis.load_config`.
        checkpoint (str): Checkpoint file, or the folder of a training.
        out (str, optional): Folder for the predicted label maps (PNG).
        show_dir (str, optional): Folder for painted predictions.
        tta (bool): Several scales and flips, as the config's ``tta_pipeline`` has them.
        verbose (bool): Print all that the log file gets. Defaults to True.

    Returns:
        dict[str, float]: Metrics.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: Config, data and checkpoint do not fit, or a folder cannot be written.
    """
    checkpoint = checkpoint_file(checkpoint)
    read_checkpoint(checkpoint)
    check_paths(config, ('test',))
    config.load_from = checkpoint
    if tta:
        use_tta(config)
    if out:
        set_output_dir(config, out)
    if show_dir:
        if config.get('launcher', 'none') != 'none':
            raise ValueError('--show-dir paints on one process: leave the launcher out')
        config.default_hooks.visualization = dict(type='SegVisualizationHook', draw=True)
        config.setdefault('visualizer', dict(PAINTER))
        config.visualizer.save_dir = show_dir
    runner = build_runner(config, verbose)
    folders = []
    if runner.test_loop is not None:
        loop = runner.test_loop
        folders = prediction_folders(loop.evaluator.metrics, loop.dataloader.dataset)
    metrics = runner.test()
    for folder in filter(os.path.isdir, folders):
        print_log(f'label maps: {folder}', logger='current')
    return metrics


def use_tta(config: Config) -> None:
    """Wrap the model and the pipeline for test-time augmentation.

    Raises:
        ValueError: The config has no ``tta_pipeline``.
    """
    if 'tta_pipeline' not in config:
        raise ValueError(
            f'{config.filename} defines no tta_pipeline; add '
            'configs/_base_/datasets/tta_4_scales.py to its _base_'
        )
    for dataset in single_datasets(config.test_dataloader.dataset):
        scored = any(step['type'] == 'LoadAnnotations' for step in dataset.pipeline)
        dataset.pipeline = config.tta_pipeline
        if not scored:
            dataset.pipeline = without_masks(config.tta_pipeline)
    tta_model = dict(config.get('tta_model', dict(type='SegTTAModel')))
    config.model = dict(tta_model, module=config.model)


def without_masks(pipeline: list[dict]) -> list[dict]:
    """A pipeline for images that are predicted and not scored."""
    steps = [step for step in pipeline if step['type'] != 'LoadAnnotations']
    for i, step in enumerate(steps):
        if 'transforms' in step:
            choices = [
                choice for choice in map(without_masks, step['transforms']) if choice
            ]
            steps[i] = dict(step, transforms=choices)
    return steps


def set_output_dir(config: Config, folder: str) -> None:
    """Have the metrics write label maps, and suspicious clicks."""
    require_writable(folder)  # every process writes there, and not the first one first
    metrics = config.test_evaluator
    for metric in metrics if isinstance(metrics, list) else [metrics]:
        if issubclass(METRICS.get(metric.type), (IoUMetric, ClickIoUMetric)):
            metric.output_dir = folder


def prediction_folders(metrics: Sequence[BaseMetric], dataset: Dataset) -> list[str]:
    """Folders that metrics write label maps to, named by the image without its folder.

    Args:
        metrics (Sequence[BaseMetric]): Those with an ``output_dir`` write.
        dataset (Dataset): The tested images.

    Returns:
        list[str]: The folders.

    Raises:
        ValueError: Two images would have the same file.
    """
    folders = [m.output_dir for m in metrics if getattr(m, 'output_dir', None)]
    seen: dict[str, str] = {}
    for i in range(len(dataset) if folders else 0):
        path = dataset.get_data_info(i)['img_path']
        other = seen.setdefault(Path(path).stem, path)
        if other != path:
            raise ValueError(
                f'the label maps of {other} and {path} would be one file of {folders[0]}; '
                'test lists without equal names one after the other, by '
                'test_dataloader.dataset.ann_file, each with its own --out'
            )
    return folders
