"""Prediction transfer in training: two optimisers, many processes, the network's file."""

import copy
import logging

from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from mmengine.registry import MODEL_WRAPPERS
from mmengine.runner.checkpoint import weights_to_cpu
from mmseg.registry import HOOKS, OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from ...models.segmentors.prediction_transfer import (
    PREDICTION,
    SEGMENTOR,
    PredictionTransferMixin,
)
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


NAMES = (SEGMENTOR, PREDICTION)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PredictionTransferOptimWrapperConstructor:
    """One optimiser for the segmenter, one for the prediction transfer network.

    Args:
        optim_wrapper_cfg (dict): ``segmentor`` and ``prediction_network``, each what
            ``optim_wrapper`` is for a single network. Other entries, such as the ``type``
            and ``loss_scale`` of ``tools/train.py --amp``, hold for both.
        paramwise_cfg (dict, optional): Refused; it belongs into the two entries.

    Raises:
        ValueError: An entry is missing, or ``paramwise_cfg`` is given.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        missing = [name for name in NAMES if name not in optim_wrapper_cfg]
        if missing or paramwise_cfg is not None:
            raise ValueError(
                'optim_wrapper of a PredictionTransferSegmentor needs segmentor=dict(...) '
                'and prediction_network=dict(...), paramwise_cfg inside them; missing: '
                f'{", ".join(missing) or "nothing"}'
            )
        self.settings = copy.deepcopy(dict(optim_wrapper_cfg))

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        """Build both optimisers."""
        model = unwrapped(model)
        shared = {k: v for k, v in self.settings.items() if k not in NAMES}
        networks = dict(zip(NAMES, (model, model.prediction_network)))
        return OptimWrapperDict(
            **{
                name: build_optim_wrapper(network, {**self.settings[name], **shared})
                for name, network in networks.items()
            }
        )


# In mmengine's registry: its runner looks wrappers up there and nowhere else.
@MODEL_WRAPPERS.register_module()
class PredictionTransferDDP(MMDistributedDataParallel):
    """``MMDistributedDataParallel`` that lets the segmentor alternate its two steps.

    The segmenter's gradients are averaged as ever; the prediction transfer network is no
    sub-module and averages its own. ``PredictionNetworkHook`` hands the weights of rank 0
    to the others.

    Args:
        module (nn.Module): A ``PredictionTransferSegmentor``.
        **kwargs: As for ``MMDistributedDataParallel``.
    """

    def train_step(self, data, optim_wrapper: OptimWrapperDict) -> dict:
        """See ``PredictionTransferSegmentor.train_step``."""
        return self.module.alternate(data, optim_wrapper, self)
