"""A labeller from outside the package; needs no network."""

import time
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
        patience (float): Seconds that an image takes.
    """

    level: float = 0.5
    refuse_every: int = 0
    patience: float = 0.0

    makes: ClassVar[str] = 'labels of brightness'
    aside: ClassVar[tuple[str, ...]] = ('patience',)

    def start(self, source, device):
        self.source = source

    def __call__(self, index):
        time.sleep(self.patience)
        image = self.source[index].image[0].numpy()
        labels = (image.mean(axis=0) > self.level).astype(int)
        if self.refuse_every and index % self.refuse_every == 0:
            return Label(np.full(labels.shape, 255), f'too dull: image {index}')
        return Label(labels)
