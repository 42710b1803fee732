"""Hooks that ``train`` and ``test`` register by themselves."""

import sys
from logging.handlers import BufferingHandler

from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import BaseLoop

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
