"""A feature labeller on a tiny random network, importable by worker processes."""

from dataclasses import dataclass

import numpy as np

from mmseg_weak.labelling import FeatureLabeller
from mmseg_weak.live import FrozenPyramid
from mmseg_weak.registry import LABELLERS

TINY = dict(type='EfficientNetLite', arch='lite0', out_indices=(0, 1, 2))


@LABELLERS.register_module()
@dataclass
class TinyFeatureLabeller(FeatureLabeller):
    """As its base, 64 pixels."""

    def pyramid(self, device):
        return FrozenPyramid(TINY, long_side=64, device=device)


class Colours:
    """The colours of an image as its only features, in place of a network."""

    digest = 'colours'

    def size(self, height, width):
        return height, width

    def __call__(self, image):
        return [(image.transpose(2, 0, 1) / 255).astype(np.float16)]


@LABELLERS.register_module()
@dataclass
class TinyColourLabeller(FeatureLabeller):
    """As its base, on colours."""

    def pyramid(self, device):
        return Colours()
