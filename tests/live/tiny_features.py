"""A feature labeller on a tiny random network, importable by worker processes."""

from dataclasses import dataclass

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
