"""Features of the pixels that a classifier learns from."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from mmseg.structures import SegDataSample

from ..._tensors import evenly_spread, rgb_pixels
from ...constants import IGNORE_INDEX
from ...datasets.image_checks import image_sizes
from ...datasets.pseudo_label_folder import PseudoLabelFolder
from ...live.head import Samples
from ...live.pyramid import sample_maps
from ...models.seminar.consistency import image_class_mask
from ..sources import LabelSource

if TYPE_CHECKING:
    from .features import FeatureLabeller

# Pixels of a class in an image: of clicks and scribbles, and of labels, which are
# everywhere.
PIXELS_OF_CLICKS, PIXELS_OF_LABELS = 200, 10


class ImageSamples(NamedTuple):
    """What a classifier learns from an image.

    Attributes:
        features (np.ndarray): (n, D) float32.
        labels (np.ndarray): (n,) class indices.
        denied (np.ndarray): (n,) bool, the class is *not* there.
        classes (np.ndarray): (C,) bool, what the image may show.
    """

    features: np.ndarray
    labels: np.ndarray
    denied: np.ndarray
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
            ValueError: Its label is unreadable, of another size or holds unknown ids; or
                the image is not of three channels.
        """
        sample, pixels = load(self.source, index)
        count, background = len(self.source.classes), self.source.background
        classes = image_class_mask([sample], count, background)[0].numpy()
        if self.folder is None:
            marks = sample.gt_sem_seg.data[0].numpy()
            places = [*_clicked(marks), *_exclusions(sample)]
        else:
            marks = labels_of(self.folder, self.source, index)
            places = list(_labelled(marks, classes))
        counts = [len(points) for points, *_ in places]
        points = np.concatenate([np.zeros((0, 2), int), *(p for p, *_ in places)])
        features = np.zeros((0, 0), np.float32)
        if len(points):
            shares = (points[:, ::-1] + 0.5) / marks.shape[::-1]
            features = sample_maps(self.pyramid(pixels), shares).numpy()
        return ImageSamples(
            features,
            np.repeat([label for _, label, _ in places], counts).astype(int),
            np.repeat([no for *_, no in places], counts).astype(bool),
            classes,
        )


def load(source: LabelSource, index: int) -> tuple[SegDataSample, np.ndarray]:
    """An image and what is known of it.

    Returns:
        tuple: The sample, and RGB (H, W, 3) uint8.

    Raises:
        ValueError: It has not three channels; the message names the file.
    """
    sample, image = source[index]
    try:
        return sample, rgb_pixels(image)
    except ValueError as error:
        raise ValueError(f'{source.path(index)}: {error}') from None


def spread_over_classes(
    positions: Sequence[int], source: LabelSource, most: int
) -> list[int]:
    """Some of many images, so that no class is left out that an image is known to show.

    Args:
        positions (Sequence[int]): Of the images to choose from, in ascending order.
        source (LabelSource): The images.
        most (int): How many, evenly spread; one is added for a class that none of these
            shows.

    Returns:
        list[int]: Positions in ascending order.
    """
    chosen = {positions[i] for i in evenly_spread(len(positions), most)}
    if len(chosen) == len(positions):
        return sorted(chosen)
    seen = set().union(*(_shown_classes(source.info(i)) for i in chosen))
    for i in positions:
        if not _shown_classes(source.info(i)) <= seen:
            chosen.add(i)
            seen |= _shown_classes(source.info(i))
    return sorted(chosen)


def _shown_classes(info: dict) -> set[int]:
    """Classes of the clicks or the tags that a data set lists of an image."""
    if 'click_labels' not in info:
        return set(info.get('image_classes', ()))
    labels = np.asarray(info['click_labels'], int)
    denied = np.asarray(info.get('click_negatives', np.zeros(len(labels))), bool)
    return set(labels[~denied].tolist())


def labels_of(folder: PseudoLabelFolder, source: LabelSource, index: int) -> np.ndarray:
    """Labels (H, W) of an image in its own size.

    Raises:
        ValueError: They are unreadable, of another size or hold unknown ids.
    """
    image = source.images[index]
    width, height = image_sizes([source.path(index)])[0].tolist()
    labels = folder.read(image, (height, width))
    largest = labels[labels != IGNORE_INDEX].max(initial=0)
    if largest >= len(source.classes):
        raise ValueError(
            f'{folder.file(image)}: class id {largest}, there are '
            f'{len(source.classes)} classes'
        )
    return labels


def _clicked(marks: np.ndarray) -> Iterator[tuple[np.ndarray, int, bool]]:
    """Pixels of each class, the class, and that it is there."""
    for label in np.unique(marks[marks != IGNORE_INDEX]):
        pixels = np.argwhere(marks == label)
        yield pixels[evenly_spread(len(pixels), PIXELS_OF_CLICKS)], label, False


def _exclusions(sample: SegDataSample) -> Iterator[tuple[np.ndarray, int, bool]]:
    """Pixels that are said not to show a class, as in :func:`_clicked`."""
    for row, column, label in np.asarray(sample.get('gt_exclusions', ())):
        yield np.array([[row, column]]), label, True


def _labelled(
    marks: np.ndarray, classes: np.ndarray
) -> Iterator[tuple[np.ndarray, int, bool]]:
    """Some pixels of each class that the image may show, as in :func:`_clicked`."""
    rng = np.random.default_rng(0)  # even steps would follow rows or columns
    for label in np.unique(marks[marks != IGNORE_INDEX]):
        if classes[label]:
            pixels = np.argwhere(marks == label)
            yield rng.permutation(pixels)[:PIXELS_OF_LABELS], label, False


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


def absent_classes(rows: Sequence[ImageSamples], background: int | None) -> dict[int, int]:
    """Classes that images may show and no label does, and how many images they are.

    Images that may show every class say nothing of any.
    """
    seen = set(np.concatenate([row.labels for row in rows]).tolist()) | {background}
    told = [row.classes for row in rows if not row.classes.all()]
    counts = Counter(c for classes in told for c in np.flatnonzero(classes).tolist())
    return {c: n for c, n in sorted(counts.items()) if c not in seen}
