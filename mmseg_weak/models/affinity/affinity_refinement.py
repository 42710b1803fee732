"""The walk along a network's affinities as a refinement."""

import os
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..._ranges import Count, CountOrZero, Interval, check_ranges
from ...refinement.interface import ImageByImage
from ...registry import REFINEMENTS
from ..inference.fast_convolutions import prepare_inference
from ..inference.peers import load_network
from ..inputs.image_values import from_unit_rgb


@REFINEMENTS.register_module(name=['affinity_walk', 'AffinityWalkRefinement'])
class AffinityWalkRefinement(ImageByImage):
    """Spread scores of background and classes along affinities that a network predicts.

    The published setting takes background as ``(1 - max_c cam_c) ** 16``. The network is
    loaded when first used.

    Args:
        config (str): Config of an
            :class:`~mmseg_weak.models.segmentors.AffinitySegmentor`.
        checkpoint (str): Its checkpoint.
        beta (float): Power of the affinities, > 0. Defaults to 8.
        num_steps (int): Steps of the walk, >= 0. Defaults to 256.
        max_side (int): The network sees images whose longer side is larger at this size,
            which bounds the memory. Defaults to 1600.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: A number is out of its range.
    """

    @check_ranges
    def __init__(
        self,
        config: str,
        checkpoint: str,
        beta: Annotated[float, Interval(0, is_open=True, says='> 0')] = 8,
        num_steps: CountOrZero = 256,
        max_side: Count = 1600,
    ) -> None:
        for path in (config, checkpoint):
            if not os.path.isfile(path):
                raise FileNotFoundError(f'affinity_walk: {path} does not exist')
        self.files = config, checkpoint
        self.beta, self.num_steps, self.max_side = beta, num_steps, max_side
        self.network: nn.Module | None = None

    def refine_image(self, image: Tensor, scores: Tensor) -> Tensor:
        """Walk; shapes as in :meth:`ImageByImage.refine_image`.

        Raises:
            ValueError: The network is no ``AffinitySegmentor``.
        """
        network = self._load(image.device)
        shrink = self.max_side / max(image.shape[2:])
        if shrink < 1:
            size = [max(1, round(side * shrink)) for side in image.shape[2:]]
            image = F.interpolate(image, size, mode='bilinear', antialias=True)
        inputs = from_unit_rgb(image, network.data_preprocessor)
        return network.walk(inputs, scores[0], self.beta, self.num_steps)[None]

    def _load(self, device: torch.device) -> nn.Module:
        # A prepared network stays where it is: its layout is chosen for the device.
        if self.network is None or next(self.network.parameters()).device != device:
            network, _ = load_network(*self.files)
            if not hasattr(network, 'walk'):
                raise ValueError(
                    f'affinity_walk: {self.files[0]} is a {type(network).__name__}, not an '
                    'AffinitySegmentor'
                )
            self.network = prepare_inference(network.to(device))
        return self.network

    def __getstate__(self) -> dict:
        return dict(self.__dict__, network=None)
