"""Features of the pixels that a classifier learns from."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from mmseg.structures import SegDataSample

from ..._tensors import evenly_spread, rgb_pixels
from ...constants import IGNORE_INDEX
from ...datasets.mask_files import read_mask
from ...datasets.pseudo_label_folder import PseudoLabelFolder
from ...live.head import Samples
from ...live.model import LiveModel
from ...live.pyramid import sample_maps
from ...models.seminar.consistency import image_class_mask
from ..sources import LabelSource

if TYPE_CHECKING:
    from .features import FeatureLabeller

# Pixels of a class in an image, evenly spread: of clicks and scribbles, and of labels,
# which are everywhere.
MARKED, LABELLED = 200, 10
# Pixels of an image, evenly spread, that tell how much of it is background.
ANYWHERE = 16
# Log odds beyond which nothing is doubted.
SURE = 20.0


class ImageSamples(NamedTuple):
    """What a classifier learns from an image.

    Attributes:
        features (np.ndarray): (n, D) float32.
        labels (np.ndarray): (n,) class indices.
        denied (np.ndarray): (n,) bool, the class is *not* there.
        anywhere (np.ndarray): (m, D) float32, features of pixels all over the image; none
            of an image with clicks.
        anywhere_labels (np.ndarray): (m,) their labels, 255 unlabelled.
        classes (np.ndarray): (C,) bool, what the image may show.
    """

    features: np.ndarray
    labels: np.ndarray
    denied: np.ndarray
    anywhere: np.ndarray
    anywhere_labels: np.ndarray
    classes: np.ndarray


class FeatureSampler:
    """Features under the clicks or the labels of an image, in one process.

    Args:
        labeller (FeatureLabeller): Whose frozen network, and whose labels to learn from.
        source (LabelSource): The images.
        device (str): Where the network runs.
    """

    def __init__(
        self, labeller: 'FeatureLabeller', source: LabelSource, device: str
    ) -> None:
        self.source, self.pyramid = source, labeller.pyramid(device)
        folder = labeller.learn_from
        self.folder = None if folder is None else PseudoLabelFolder(folder)

    def __call__(self, index: int) -> ImageSamples:
        """Sample the image at a position of the source.

        Raises:
            ValueError: Its label is unreadable.
        """
        sample, image = self.source[index]
        marks, anywhere = self._marks(index, sample), np.zeros((0, 2), int)
        if self.folder is None:
            places = [*_spread(marks, MARKED), *_exclusions(sample)]
        else:
            places = list(_spread(marks, LABELLED))
            pixels = evenly_spread(marks.size, ANYWHERE)
            anywhere = np.stack(np.unravel_index(pixels, marks.shape), 1)
        counts = [len(pixels) for pixels, *_ in places]
        points = np.concatenate([anywhere, *(pixels for pixels, *_ in places)])
        features = np.zeros((0, 0), np.float32)
        if len(points):
            shares = (points[:, ::-1] + 0.5) / marks.shape[::-1]
            features = sample_maps(self.pyramid(rgb_pixels(image)), shares).numpy()
        classes = image_class_mask(
            [sample], len(self.source.classes), self.source.background
        )
        return ImageSamples(
            features[len(anywhere) :],
            np.repeat([label for _, label, _ in places], counts).astype(int),
            np.repeat([no for *_, no in places], counts).astype(bool),
            features[: len(anywhere)],
            marks[tuple(anywhere.T)],
            classes[0].numpy(),
        )

    def _marks(self, index: int, sample: SegDataSample) -> np.ndarray:
        """What pixels are known to show, 255 elsewhere."""
        if self.folder is None:
            return sample.gt_sem_seg.data[0].numpy()
        return read_mask(self.folder.file(self.source.images[index]))


def _spread(marks: np.ndarray, most: int) -> Iterator[tuple[np.ndarray, int, bool]]:
    """Pixels of each class, the class, and that it is there."""
    for label in np.unique(marks[marks != IGNORE_INDEX]):
        pixels = np.argwhere(marks == label)
        yield pixels[evenly_spread(len(pixels), most)], label, False


def _exclusions(sample: SegDataSample) -> Iterator[tuple[np.ndarray, int, bool]]:
    """Pixels that are said not to show a class, as in :func:`_spread`."""
    for row, column, label in np.asarray(sample.get('gt_exclusions', ())):
        yield np.array([[row, column]]), label, True


def joined(rows: Sequence[ImageSamples]) -> Samples:
    """The samples of several images as one."""
    some = [i for i, row in enumerate(rows) if len(row.labels)]
    if not some:
        nothing = np.zeros(0, int)
        return Samples(torch.zeros(0, 0), nothing, nothing, nothing > 0, nothing)
    counts = [len(rows[i].labels) for i in some]
    return Samples(
        torch.from_numpy(np.concatenate([rows[i].features for i in some])),
        np.concatenate([rows[i].labels for i in some]),
        np.ones(sum(counts)),
        np.concatenate([rows[i].denied for i in some]),
        np.repeat(some, counts),
    )


def matching_prior(
    model: LiveModel, rows: Sequence[ImageSamples], background: int
) -> float:
    """Factor on the background odds that keeps the share of background in the labels.

    A classifier that gives every class the same weight, and doubts, says too little
    background; how much there is, the labels know better than where.

    Args:
        model (LiveModel): Fitted to the samples.
        rows (Sequence[ImageSamples]): With pixels all over the images.
        background (int): Index of the background class.

    Returns:
        float: > 0, finite; 1 where nothing tells.
    """
    margins, shares = [np.zeros(0)], [np.zeros(0, bool)]
    for row in rows:
        known = row.anywhere_labels != IGNORE_INDEX
        if not known.any():
            continue
        logits = model.logits(torch.from_numpy(row.anywhere[known]))
        logits[:, ~torch.from_numpy(row.classes)] = -torch.inf
        likely = logits[:, background].numpy().copy()
        logits[:, background] = -torch.inf
        margins.append(likely - logits.amax(1).numpy())
        shares.append(row.anywhere_labels[known] == background)
    share = np.concatenate(shares)
    if not share.any() or share.all():
        return 1.0
    margin = np.clip(np.nan_to_num(np.concatenate(margins)), -SURE, SURE)
    return float(np.exp(-np.quantile(margin, 1 - share.mean())))
