"""Hooks that ``train`` and ``test`` register by themselves."""

import logging
import sys
from collections.abc import Sequence
from functools import partial
from logging.handlers import BufferingHandler

from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import MMLogger, print_log
from mmengine.runner import BaseLoop
from mmseg.evaluation import IoUMetric
from torch import Tensor

from ..._messages import shortened
from ...checkpoints import require_finite, require_same_data, require_weights
from ..console import speaker


class CheckpointCheckHook(Hook):
    """Refuses checkpoints of another model, class order or normalisation.

    A training that only starts from a checkpoint (``load_from``) may have other classes;
    weights that are not finite are refused there too. ``train`` and ``test`` register the
    hook by themselves.
    """

    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare, before the weights reach the model.

        Raises:
            ValueError: See :mod:`mmseg_weak.checkpoints`.
        """
        path = str(runner._load_from)
        require_finite(checkpoint, path)
        training = isinstance(runner._train_loop, BaseLoop)
        if training and not runner._resume:
            return
        loader = runner.train_dataloader if training else runner.test_dataloader
        metainfo = getattr(loader.dataset, 'metainfo', {})
        require_same_data(
            checkpoint,
            path,
            metainfo.get('classes'),
            runner.cfg.model,
            metainfo.get('reduce_zero_label'),
        )
        config = runner.cfg.filename or 'the config'
        require_weights(runner.model, checkpoint, path, config, training)


class AbsentClassesHook(Hook):
    """Says which classes no mask shows: their IoU is nan, or 0 where they are predicted.

    mmseg prints the numbers alone. ``train`` and ``test`` register the hook by themselves.
    """

    def before_val_epoch(self, runner) -> None:
        """Have the metrics of the validation say it."""
        self._attach(runner.val_evaluator.metrics)

    def before_test_epoch(self, runner) -> None:
        """Have the metrics of the test say it."""
        self._attach(runner.test_evaluator.metrics)

    def _attach(self, metrics: Sequence[BaseMetric]) -> None:
        for metric in metrics:
            if isinstance(metric, IoUMetric):
                metric.total_area_to_metrics = partial(self._scores, metric)

    @staticmethod
    def _scores(metric: IoUMetric, *areas, **options) -> dict:
        """Areas of intersection, union, prediction and label, each (C,), to scores."""
        _, union, _, shown = areas[:4]
        text = absent_classes(shown, union, metric.dataset_meta['classes'])
        if text:
            print_log(text, logger='current', level=logging.WARNING)
        return type(metric).total_area_to_metrics(*areas, **options)


def absent_classes(shown: Tensor, union: Tensor, classes: Sequence[str]) -> str:
    """What to say of classes without a pixel in any mask; empty where there are none.

    Args:
        shown (Tensor): (C,) pixels of each class in the masks.
        union (Tensor): (C,) of those in masks or predictions.
        classes (Sequence[str]): Their names.
    """
    absent = [i for i in range(len(classes)) if not shown[i]]
    names = {i: classes[i] for i in absent}
    unseen = [names[i] for i in absent if not union[i]]
    guessed = [names[i] for i in absent if union[i]]
    parts = []
    if unseen:
        parts.append(f'IoU nan and not in the mean: {shortened(", ".join(unseen))}')
    if guessed:
        parts.append(f'predicted, so IoU 0 in the mean: {shortened(", ".join(guessed))}')
    if not parts:
        return ''
    text = f'{len(absent)} of {len(classes)} classes are in no mask; {"; ".join(parts)}'
    if len(absent) == len(classes) - 1 > 0:
        text += '. Where masks write an object as 255, it means unknown'
    return text


DATASETS = 'mmseg_weak.datasets'


class DataReportHook(Hook):
    """Repeats the reports of the data sets just before the first iteration.

    Otherwise the toolbox's lists of options and parameters bury them.

    Args:
        logger (MMLogger): The runner's, before it builds its data sets.
    """

    priority = 'LOWEST'

    def __init__(self, logger: MMLogger) -> None:
        self.logger = logger
        self.listener = BufferingHandler(sys.maxsize)
        self.listener.addFilter(lambda _: speaker().startswith(DATASETS))
        logger.handlers.append(self.listener)

    def before_train(self, runner) -> None:
        """Repeat them."""
        self.logger.handlers.remove(self.listener)
        for record in self.listener.buffer:
            self.logger.log(record.levelno, record.getMessage())
