"""Two optimisers, and many processes, for the prediction transfer network."""

import copy

from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from mmengine.registry import MODEL_WRAPPERS
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from ..models.segmentors.prediction_transfer import PREDICTION, SEGMENTOR
from .unwrapping import unwrapped

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
