"""Test a checkpoint: ``python tools/test.py configs/….py work_dirs/…/iter_N.pth``."""

import argparse
import os

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmseg_weak._files import write_json
from mmseg_weak.apis import (
    check_paths,
    load_config,
    require_weights,
    require_writable,
    run_tool,
)
from mmseg_weak.apis.cfg_options import MergedDictAction
from mmseg_weak.apis.dataset_settings import single_datasets
from mmseg_weak.apis.launch import LAUNCHERS, require_checkpoint
from mmseg_weak.apis.prediction_folders import prediction_folders

PAINTER = dict(
    type='WeakSegLocalVisualizer',
    vis_backends=[dict(type='LocalVisBackend')],
    name='visualizer',
)


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for the log')
    parser.add_argument('--out', help='folder for the predicted label maps (PNG)')
    parser.add_argument('--metrics-out', help='JSON file for the metrics')
    parser.add_argument('--show-dir', help='folder for painted predictions')
    parser.add_argument('--tta', action='store_true', help='several scales and flip')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=MergedDictAction,
        help='overrides, key.sub_key=value',
    )
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


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
    steps = []
    for step in pipeline:
        if step['type'] == 'LoadAnnotations':
            continue
        if 'transforms' in step:
            choices = [
                [one for one in choice if one['type'] != 'LoadAnnotations']
                for choice in step['transforms']
            ]
            step = dict(step, transforms=[choice for choice in choices if choice])
        steps.append(step)
    return steps


def set_output_dir(config: Config, folder: str) -> None:
    """Have the metric of segmentations write label maps."""
    require_writable(folder)  # every process writes there, and not the first one first
    metrics = config.test_evaluator
    for metric in metrics if isinstance(metrics, list) else [metrics]:
        if metric.type != 'TagMetric':
            metric.output_dir = folder


def main() -> None:
    """Build the runner and test."""
    args = parse_args()
    require_checkpoint(args.checkpoint)
    config = load_config(args.config, args.work_dir, args.cfg_options, args.launcher)
    check_paths(config, ('test',))
    config.load_from = args.checkpoint
    if args.tta:
        use_tta(config)
    if args.out:
        set_output_dir(config, args.out)
    if args.show_dir:
        if args.launcher != 'none':
            raise ValueError('--show-dir paints on one process: leave the launcher out')
        config.default_hooks.visualization = dict(type='SegVisualizationHook', draw=True)
        config.setdefault('visualizer', dict(PAINTER))
        config.visualizer.save_dir = args.show_dir
    runner = Runner.from_cfg(config)
    require_weights(runner.model, args.checkpoint, args.config)
    folders = []
    if runner.test_loop is not None:
        loop = runner.test_loop
        folders = prediction_folders(loop.evaluator.metrics, loop.dataloader.dataset)
    metrics = runner.test()
    for folder in filter(os.path.isdir, folders):
        print_log(f'label maps: {folder}', logger='current')
    if args.metrics_out and is_main_process():
        write_json(args.metrics_out, metrics)


if __name__ == '__main__':
    run_tool(main)
