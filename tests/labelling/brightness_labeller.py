"""A labeller from outside the package; needs no network."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mmseg_weak.labelling import Label, Labeller
from mmseg_weak.registry import LABELLERS


@LABELLERS.register_module()
@dataclass
class BrightnessLabeller(Labeller):
    """Bright pixels are squares.

    Attributes:
        level (float): Least brightness of a square, in [0, 1].
        refuse_every (int): Refuse every so many images; 0 refuses none.
    """

    level: float = 0.5
    refuse_every: int = 0

    makes: ClassVar[str] = 'labels of brightness'

    def start(self, source, device):
        self.source = source

    def __call__(self, index):
        image = self.source[index].image[0].numpy()
        labels = (image.mean(axis=0) > self.level).astype(int)
        if self.refuse_every and index % self.refuse_every == 0:
            return Label(np.full(labels.shape, 255), f'too dull: image {index}')
        return Label(labels)
