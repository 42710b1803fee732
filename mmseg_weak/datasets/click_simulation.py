"""Clicks as a person would set them, drawn from dense masks with a seed.

For data sets that have masks: to try click supervision before paying for clicks, and to
measure what their number and their errors cost. A training run never comes here; it reads
the file of clicks that was written.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy import ndimage

from .._ranges import Interval, Share, check_ranges
from .click_table import ClickTable

EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


FromOne = Annotated[int, Interval(1, says='>= 1')]
FromZero = Annotated[int, Interval(0, says='>= 0')]


@check_ranges
@dataclass(frozen=True)
class ClickSimulator:
    """Draws clicks inside the objects of a mask.

    An object is an 8-connected region of one class. The first click of every object comes
    before the second of any, large objects first, and the ``rank`` counts the clicks on one
    class of the image from 1, as in "What's the Point" (Bearman et al., ECCV 2016).

    Every image has a generator of its own, seeded with ``seed`` and the image's id, so the
    order of the images and the number of processes change nothing.

    Attributes:
        num_classes (int): Number of classes, ids 0 to ``num_classes - 1``.
        clicks_per_object (int): Clicks in each object, >= 1.
        background_clicks (int): Clicks on the background of each image, >= 0.
        min_area (int): Smaller objects (pixels) are overlooked, >= 1.
        interior (float): A pixel is drawn with probability proportional to its distance to
            the border of the object to this power, >= 0. 0 draws uniformly.
        wrong_class (float): Share of object clicks with another object class, in [0, 1].
        displaced (float): Share of object clicks that slip off by a Gaussian step whose
            standard deviation is the object's radius ``sqrt(area / pi)``, in [0, 1]. They
            stay in the image and may stay in the object.
        background (int, optional): Id of the background class; None when every class is
            one of objects.
        ignore_index (int): Mask value without a class.
        seed (int): Seed, >= 0.

    Raises:
        ValueError: An option is out of its range.
    """

    num_classes: FromOne
    clicks_per_object: FromOne = 1
    background_clicks: FromZero = 0
    min_area: FromOne = 16
    interior: Annotated[float, Interval(0, says='a number >= 0')] = 2.0
    wrong_class: Share = 0.0
    displaced: Share = 0.0
    background: int | None = 0
    ignore_index: int = 255
    seed: FromZero = 0

    def __post_init__(self) -> None:
        if self.background is not None and not 0 <= self.background < self.num_classes:
            raise ValueError(
                f'background must be a class id below {self.num_classes}, '
                f'got {self.background}'
            )
        if self.background is None and self.background_clicks:
            raise ValueError('background_clicks needs the id of the background class')
        if self.wrong_class and len(self._object_classes()) < 2:
            raise ValueError('wrong_class needs two classes of objects at least')

    def __call__(self, mask: np.ndarray, image_id: str) -> list[dict]:
        """Clicks on the objects of one image.

        Args:
            mask (np.ndarray): (H, W) integer class ids.
            image_id (str): Id of the image, which seeds the draw.

        Returns:
            list[dict]: ``x`` and ``y`` (centre of the clicked pixel, so ``.5``), ``cls``
            and ``rank``.

        Raises:
            ValueError: The mask has another shape, dtype or an unknown class id.
        """
        self._check(mask, image_id)
        rng = image_generator(self.seed, image_id)
        clicks = []
        for label in self._object_classes():
            objects = self._objects(mask == label)
            points = [self._draw(rng, region, self.clicks_per_object) for region in objects]
            rank = 0
            for turn in range(self.clicks_per_object):
                for region, pixels in zip(objects, points):
                    if turn < len(pixels):
                        rank += 1
                        pixel = self._slip(rng, pixels[turn], region)
                        cls = self._confuse(rng, label)
                        clicks.append(make_click(pixel, cls, rank))
        return clicks

    def background_of(self, mask: np.ndarray, image_id: str) -> list[dict]:
        """Clicks on the background of one image, without noise and without ``rank``.

        In a real data set they cost annotation like any others: a result with clicks
        sampled from ground-truth masks says so.

        Args:
            mask (np.ndarray): (H, W) integer class ids.
            image_id (str): Id of the image, which seeds the draw.

        Returns:
            list[dict]: ``x``, ``y`` and ``cls``.

        Raises:
            ValueError: As for a call.
        """
        self._check(mask, image_id)
        if not self.background_clicks:
            return []
        rng = image_generator(self.seed, f'background of {image_id}')
        region = mask == self.background
        pixels = self._draw(rng, region, self.background_clicks)
        return [make_click(pixel, self.background) for pixel in pixels]

    def _object_classes(self) -> list[int]:
        return [c for c in range(self.num_classes) if c != self.background]

    def _check(self, mask: np.ndarray, image_id: str) -> None:
        if mask.ndim != 2 or not np.issubdtype(mask.dtype, np.integer):
            raise ValueError(
                f'mask of {image_id!r}: expected (H, W) class ids, got shape {mask.shape} '
                f'of {mask.dtype}'
            )
        ids = np.unique(mask)
        wrong = ids[(ids >= self.num_classes) | (ids < 0)]
        wrong = wrong[wrong != self.ignore_index].tolist()
        if wrong:
            raise ValueError(
                f'mask of {image_id!r}: class id {wrong[0]}, but there are '
                f'{self.num_classes} classes (0 to {self.num_classes - 1}) and '
                f'{self.ignore_index} for none; check the class list'
            )

    def _objects(self, region: np.ndarray) -> list[np.ndarray]:
        """Connected objects of one class, largest first, without the overlooked ones."""
        components, count = ndimage.label(region, EIGHT_NEIGHBOURS)
        area = np.bincount(components.ravel(), minlength=count + 1)[1:]
        order = np.argsort(-area, kind='stable')
        return [components == i + 1 for i in order if area[i] >= self.min_area]

    def _draw(
        self, rng: np.random.Generator, region: np.ndarray, number: int
    ) -> np.ndarray:
        """Draw up to ``number`` different pixels of a region, (n, 2) row and column."""
        # The frame counts as a border: what is visible ends there.
        distance = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
        pixels = np.argwhere(region)
        weight = distance[region] ** self.interior
        number = min(number, len(pixels))
        if not number:
            return pixels
        chosen = rng.choice(len(pixels), number, replace=False, p=weight / weight.sum())
        return pixels[chosen]

    def _slip(
        self, rng: np.random.Generator, pixel: np.ndarray, region: np.ndarray
    ) -> np.ndarray:
        # Drawn in any case: one noise level must not change the other draws.
        slips, step = rng.random() < self.displaced, rng.standard_normal(2)
        if not slips:
            return pixel
        radius = np.sqrt(region.sum() / np.pi)
        moved = np.rint(pixel + step * radius).astype(np.int64)
        return moved.clip(0, np.array(region.shape) - 1)

    def _confuse(self, rng: np.random.Generator, label: int) -> int:
        errs, which = rng.random() < self.wrong_class, rng.random()
        others = [c for c in self._object_classes() if c != label]
        return others[int(which * len(others))] if errs else label


def image_generator(seed: int, image_id: str) -> np.random.Generator:
    """A random generator for one image, the same on every machine."""
    digest = hashlib.sha256(image_id.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, 'little')])


def make_click(pixel: Sequence[int], label: int, rank: int | None = None) -> dict:
    """A click of the What's-the-Point JSON at the centre of a pixel (row, column)."""
    click = dict(x=float(pixel[1]) + 0.5, y=float(pixel[0]) + 0.5, cls=int(label))
    return click if rank is None else dict(click, rank=rank)


def confuse_classes(
    clicks: ClickTable, classes: Sequence[int], share: float, seed: int = 0
) -> ClickTable:
    """Give a share of the clicks another class, drawn evenly from ``classes``.

    Every image has a generator of its own. The errors of a smaller share are among those
    of a larger one, with the same wrong classes, so that shares compare.

    Args:
        clicks (ClickTable): Clicks of many images.
        classes (Sequence[int]): Ids that are mixed up, two at least; clicks of others,
            such as background, stay as they are.
        share (float): Probability that a click is wrong, in [0, 1].
        seed (int): Seed, >= 0. Defaults to 0.

    Returns:
        ClickTable: A copy with other labels.

    Raises:
        ValueError: Fewer than two classes, or the share is out of range.

    Example:
        >>> clicks = ClickTable.from_rows([('a', 1.0, 2.0, 1, 0)])
        >>> confuse_classes(clicks, [1, 2], share=1.0).label
        array([2])
    """
    classes = sorted(set(classes))
    if len(classes) < 2:
        raise ValueError(f'two classes at least can be mixed up, got {classes}')
    if not 0 <= share <= 1:
        raise ValueError(f'share must be in [0, 1], got {share}')
    confused = clicks.select(np.arange(len(clicks)))
    generators = {
        image: image_generator(seed, image) for image in dict.fromkeys(clicks.image)
    }
    for i, (image, label) in enumerate(zip(clicks.image, clicks.label)):
        # Drawn in any case: a share must not change the draws of later clicks.
        chance, which = generators[image].random(2)
        if chance < share and label in classes:
            others = [c for c in classes if c != label]
            confused.label[i] = others[int(which * len(others))]
    return confused
