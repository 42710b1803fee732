"""Keeps the prediction transfer network beside the plain checkpoint."""

import logging

from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner.checkpoint import weights_to_cpu
from mmseg.registry import HOOKS
from torch import nn

from ...models.segmentors.prediction_transfer import PredictionTransferMixin
from ..prediction_transfer import PredictionTransferDDP
from ..unwrapping import unwrapped

KEY = 'prediction_network'


@HOOKS.register_module()
class PredictionNetworkHook(Hook):
    """Write P-Net's weights into checkpoints, under their own key, and read them back.

    The ``state_dict`` stays that of the plain segmenter. A resumed run goes on with the
    same P-Net; a run that starts from a checkpoint of phase i (``load_from``) begins with
    the P-Net trained there, and from any other checkpoint with a new one.
    """

    # Whether a checkpoint was loaded that lacks the weights.
    absent = False

    def before_train(self, runner) -> None:
        """Check the model, and give all processes the weights of the first.

        Raises:
            ValueError: The model has no P-Net, or its wrapper of several processes would
                not let it alternate its two steps.
        """
        wrapped = is_model_wrapper(runner.model)
        model = unwrapped(runner.model)
        if not isinstance(model, PredictionTransferMixin):
            raise ValueError(
                'PredictionNetworkHook keeps the P-Net of a PredictionTransferSegmentor, '
                f'and the model is a {type(model).__name__}; take the hook out of '
                'custom_hooks'
            )
        if wrapped and not isinstance(runner.model, PredictionTransferDDP):
            raise ValueError(
                'prediction transfer on several processes needs '
                "model_wrapper_cfg = dict(type='PredictionTransferDDP') in the config, got "
                f'{type(runner.model).__name__}'
            )
        if self.absent:
            print_log(
                'the checkpoint has no prediction transfer network: it starts from scratch',
                logger='current',
                level=logging.WARNING,
            )
        # After all weights are initialised or loaded, which each process does by itself.
        for value in model.prediction_network.state_dict().values():
            broadcast(value)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Add the weights."""
        checkpoint[KEY] = weights_to_cpu(_network(runner).state_dict())

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Read the weights if there are any.

        Raises:
            ValueError: They are of another network.
        """
        self.absent = KEY not in checkpoint
        if self.absent:
            return
        try:
            _network(runner).load_state_dict(checkpoint[KEY])
        except RuntimeError as error:
            reason = ' '.join(str(error).split())[:300]
            raise ValueError(
                f'the prediction transfer network of the checkpoint differs: {reason}'
            ) from None


def _network(runner) -> nn.Module:
    return unwrapped(runner.model).prediction_network
