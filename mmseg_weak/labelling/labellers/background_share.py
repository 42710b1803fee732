"""How much background labels have, and the prior that keeps it."""

import copy
from typing import TYPE_CHECKING

import numpy as np

from ...constants import IGNORE_INDEX
from ...datasets.pseudo_label_folder import PseudoLabelFolder
from ..sources import LabelSource
from .feature_samples import labels_of

if TYPE_CHECKING:
    from .features import FeatureLabeller

# Images that are labelled with each of some priors, and these.
NUM_IMAGES = 32
PRIORS = np.geomspace(0.5, 4.0, 7)


class BackgroundProbe:
    """Counts background in the labels that each prior makes, in one process.

    Args:
        labeller (FeatureLabeller): Fitted.
        source (LabelSource): The images; one class is the background.
        device (str): Where networks run.
    """

    def __init__(
        self, labeller: 'FeatureLabeller', source: LabelSource, device: str
    ) -> None:
        self.source, self.labeller = source, copy.copy(labeller)
        self.folder = PseudoLabelFolder(labeller.learn_from)
        self.labeller.start(source, device)

    def __call__(self, index: int) -> np.ndarray:
        """Counts (P + 1, 2) of background and labelled pixels of an image: with each of the
        priors, and in the labels learnt from."""
        labels = labels_of(self.folder, self.source, index)
        made = self.labeller.with_priors(index, PRIORS)
        return np.array([self._count(some) for some in (*made, labels)])

    def _count(self, labels: np.ndarray) -> tuple[int, int]:
        known = labels[labels != IGNORE_INDEX]
        return int((known == self.source.background).sum()), known.size


def matching_prior(counts: np.ndarray) -> float:
    """The prior with which background has the share that it has in the labels learnt from.

    A classifier that gives every class the same weight, and doubts, says too little or too
    much background; how much there is, the labels know better than where.

    Args:
        counts (np.ndarray): (N, P + 1, 2) of :class:`BackgroundProbe`.

    Returns:
        float: Between the least and the largest of the priors; 1 where no image is
        labelled both by them and in the labels learnt from.
    """
    # Each image counts the same, whatever its size and how much of it is labelled.
    background, labelled = counts[..., 0], np.maximum(counts[..., 1], 1)
    told = (counts[..., 1] > 0).all(1)
    if not told.any():
        return 1.0
    *shares, target = (background / labelled)[told].mean(0)
    shares = np.maximum.accumulate(shares)
    return float(np.exp(np.interp(target, shares, np.log(PRIORS))))
