"""A checkpoint that is resumed or tested must be one of this config."""

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop

from ...checkpoints import require_finite, require_same_data, require_weights


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
