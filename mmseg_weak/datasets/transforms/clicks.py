"""Clicks through the pipeline: load, crop, and rasterise after the geometry.

How they travel in between: :mod:`mmseg_weak.datasets.transforms.click_rows`.
"""

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from mmseg.registry import TRANSFORMS

from .base import Transform
from .click_rows import (
    CLICK_KEYS,
    are_attached,
    attach_clicks,
    click_xy,
    cut_clicks,
    detach_clicks,
    keep_clicks,
    move_clicks,
    place_clicks,
)
from .lines import pixels_of_marks

# What LoadClicks asks the data set for.
OF_THE_DATA_SET = 'of the data set'
# A click keeps this distance (px) from the border of its pixel, so that rounding in
# a chain of flips and resizes cannot carry it over.
PIXEL_MARGIN = 1 / 64


def inside_frame(xy: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mark points inside an image.

    Args:
        xy (np.ndarray): (n, 2) column and row.
        shape (tuple[int, int]): Height and width.

    Returns:
        np.ndarray: (n,) bool.
    """
    return ((xy >= 0) & (xy < np.array(shape[1::-1]))).all(1)


@TRANSFORMS.register_module()
class LoadClicks(Transform):
    """Put the clicks of the data set on their way through the pipeline.

    A whole-number coordinate names a pixel and moves to its centre (+0.5), so flips
    (``w - x``) and resizes (``x * s``) carry it exactly. Clicks outside the image are
    dropped and lines cut here, because mmcv's Resize would clip them to the border.

    Required Keys: img (from ``LoadImageFromFile``), clicks ((n, 2) x and y),
    click_labels ((n,)); where there are any click_strokes ((n,) number of the mark that a
    point belongs to), click_negatives ((n,) bool, the mark says "not this class"),
    background_index (int or None), gt_bboxes ((m, 4) real boxes)

    Added Keys: image_classes; the clicks are rows behind the real boxes from here to
    ``RasterizeClicks``

    Args:
        background_index (int | str, optional): Class left out of ``image_classes``, the
            labels clicked, or boxed, anywhere in the image. None keeps all. Defaults to the
            background of the data set, 0 where there is no data set to tell.
    """

    def __init__(self, background_index: int | str | None = OF_THE_DATA_SET) -> None:
        self.background_index = background_index

    def transform(self, results: dict) -> dict:
        """Send the clicks on their way and list the classes clicked in the whole image."""
        if results.get('img') is None:
            raise ValueError(
                f'{results.get("img_path")}: no image, put LoadImageFromFile before '
                'LoadClicks (or the file is damaged)'
            )
        if are_attached(results):
            raise ValueError(f'{results.get("img_path")}: LoadClicks stands there twice')
        if 'clicks' not in results:
            raise ValueError(
                f'{results.get("img_path")}: no clicks, LoadClicks needs a ClickDataset'
            )
        xy = np.array(results['clicks'], dtype=np.float64).reshape(-1, 2)
        pixel = np.floor(xy)
        offset = np.where(xy == pixel, 0.5, xy - pixel)
        xy = pixel + offset.clip(PIXEL_MARGIN, 1 - PIXEL_MARGIN)
        attach_clicks(results, xy)
        results['click_labels'] = np.array(results['click_labels'], dtype=np.int64)
        for key in set(CLICK_KEYS[1:]) & set(results):
            results[key] = np.array(results[key])
        cut_clicks(results, PIXEL_MARGIN)
        background = self.background_index
        if background == OF_THE_DATA_SET:
            background = results.get('background_index', 0)
        labels = results['click_labels']
        labels = labels[~results.get('click_negatives', np.zeros(len(labels), bool))]
        boxed = np.asarray(results.get('gt_bboxes_labels', ()), np.int64)
        known = {*labels.tolist(), *boxed.tolist()}
        results['image_classes'] = tuple(sorted(known - {background}))
        return results


@TRANSFORMS.register_module()
class ClickRandomCrop(Transform):
    """Crop image, clicks and every map of ``seg_fields`` at a random position.

    The position is drawn as mmseg's ``RandomCrop`` draws it and may depend on clicks
    only, never on a mask; there is no ``cat_max_ratio``.

    Required Keys: img, and clicks on their way

    Args:
        crop_size (int | tuple[int, int]): Height and width; a smaller image is kept
            whole along that side.
        min_clicks (int): Draw again until so many clicks are inside; after
            ``max_tries`` draws the position with the most clicks wins. Defaults to 0.
        max_tries (int): Most draws, at least 1. Defaults to 10.
    """

    def __init__(
        self,
        crop_size: int | tuple[int, int],
        min_clicks: int = 0,
        max_tries: int = 10,
    ) -> None:
        size = (crop_size,) * 2 if isinstance(crop_size, Integral) else crop_size
        if not (
            isinstance(size, (Sequence, np.ndarray))
            and len(size) == 2
            and all(isinstance(side, Integral) and side >= 1 for side in size)
        ):
            raise ValueError(f'crop_size must be one or two ints >= 1, got {crop_size}')
        if min_clicks < 0:
            raise ValueError(f'min_clicks must be >= 0, got {min_clicks}')
        if max_tries < 1:
            raise ValueError(f'max_tries must be >= 1, got {max_tries}')
        self.crop_size = tuple(map(int, size))
        self.min_clicks = min_clicks
        self.max_tries = max_tries

    def transform(self, results: dict) -> dict:
        """Crop and drop the clicks that fall outside."""
        shape = results['img'].shape[:2]
        xy = click_xy(results)
        top, left, _ = self._choose(shape, xy)
        window = np.s_[top : top + self.crop_size[0], left : left + self.crop_size[1]]
        for key in ('img', *results.get('seg_fields', [])):
            results[key] = results[key][window]
        results['img_shape'] = results['img'].shape[:2]
        size = results['img'].shape[1::-1]
        move_clicks(results, (left, top), size)
        cut_clicks(results, PIXEL_MARGIN)
        # A click on the very edge would be outside once the crop is mirrored.
        far = np.array(size) - PIXEL_MARGIN
        place_clicks(results, click_xy(results).clip(PIXEL_MARGIN, far))
        return results

    def _choose(self, shape: tuple, xy: np.ndarray) -> tuple[int, int, np.ndarray]:
        """Draw top and left until enough clicks are inside."""
        best = None
        for _ in range(self.max_tries):
            margins = [max(s - c, 0) for s, c in zip(shape, self.crop_size)]
            top, left = (np.random.randint(0, margin + 1) for margin in margins)
            frame = [min(s, c) for s, c in zip(shape, self.crop_size)]
            inside = inside_frame(xy - [left, top], frame)
            if best is None or inside.sum() > best[2].sum():
                best = top, left, inside
            if inside.sum() >= self.min_clicks:
                break
        return best


@TRANSFORMS.register_module()
class RasterizeClicks(Transform):
    """Write the label map that the clicks define, after all geometry.

    Every pixel whose centre is at most ``radius`` from the centre of a clicked pixel
    takes the label of the nearest click. Equally near clicks of different classes
    leave it unlabelled, and so do contradicting clicks on one pixel. A scribble counts as
    a click on every pixel that it goes through. Marks that say "not this class" label
    nothing: they are listed, without a radius.

    Required Keys: img, and clicks on their way

    Added Keys: gt_seg_map ((H, W) uint8), also in seg_fields; clicks ((n, 2) float32 x
    and y in the image as it is now) and click_labels, both of marks that name a class;
    gt_exclusions ((k, 3) int64 row, column and class of what is not there) where a data set
    has such marks. ``gt_bboxes`` are the real boxes again, or none

    Args:
        radius (float): Disc radius in pixels, >= 0; 0 labels the clicked pixel only.
        ignore_index (int): Value of unlabelled pixels, 0 to 255. Defaults to 255.
    """

    def __init__(self, radius: float = 0, ignore_index: int = 255) -> None:
        if not 0 <= radius < np.inf:
            raise ValueError(f'radius must be a number >= 0, got {radius}')
        if not 0 <= ignore_index <= 255:
            raise ValueError(f'ignore_index must be in 0..255, got {ignore_index}')
        self.radius = radius
        self.ignore_index = ignore_index
        reach = np.arange(-int(radius), int(radius) + 1)
        dx, dy = (axis.ravel() for axis in np.meshgrid(reach, reach))
        disc = dx**2 + dy**2 <= radius**2
        self._disc = np.stack([dx, dy], axis=1)[disc]

    def transform(self, results: dict) -> dict:
        """Add ``gt_seg_map``."""
        if 'gt_seg_map' in results:
            raise ValueError(
                f'{results.get("img_path")}: a gt_seg_map is already loaded, remove '
                'LoadAnnotations from the pipeline of a click data set'
            )
        shape = results['img'].shape[:2]
        cut_clicks(results, PIXEL_MARGIN)
        if 'click_negatives' in results:
            says_no = results['click_negatives']
            results['gt_exclusions'] = self._exclusions(results, says_no)
            keep_clicks(results, ~says_no)
        xy, labels = click_xy(results), results['click_labels']
        if 'click_strokes' in results:
            xy, rows = pixels_of_marks(xy, results['click_strokes'])
            labels = labels[rows]
        results['gt_seg_map'] = self.rasterize(xy, labels, shape)
        results.setdefault('seg_fields', []).append('gt_seg_map')
        detach_clicks(results)
        return results

    def _exclusions(self, results: dict, says_no: np.ndarray) -> np.ndarray:
        """Row, column and class of pixels that are not of a class, (k, 3) int64."""
        xy, labels = click_xy(results)[says_no], results['click_labels'][says_no]
        strokes = results.get('click_strokes', np.arange(len(says_no)))[says_no]
        pixels, rows = pixels_of_marks(xy, strokes)
        found = np.concatenate([pixels[:, ::-1], labels[rows][:, None]], axis=1)
        return np.unique(found, axis=0)

    def rasterize(
        self, xy: np.ndarray, labels: np.ndarray, shape: tuple[int, int]
    ) -> np.ndarray:
        """Paint clicks on an empty map.

        Args:
            xy (np.ndarray): (n, 2) column and row inside the map.
            labels (np.ndarray): (n,) class labels in 0..254.
            shape (tuple[int, int]): Height and width of the map.

        Returns:
            np.ndarray: (H, W) uint8, ``ignore_index`` where unlabelled.
        """
        seg_map = np.full(shape, self.ignore_index, dtype=np.uint8)
        if not len(xy):
            return seg_map
        pixels = np.floor(xy).astype(np.int64)[:, None] + self._disc
        distance = np.broadcast_to((self._disc**2).sum(1), pixels.shape[:2])
        label = np.broadcast_to(np.asarray(labels)[:, None], pixels.shape[:2])
        inside = ((pixels >= 0) & (pixels < shape[::-1])).all(-1)
        index = pixels[inside] @ [1, shape[1]]
        distance, label = distance[inside], label[inside]
        order = np.lexsort((label, distance, index))
        index, distance, label = index[order], distance[order], label[order]
        # Rows of one pixel at one distance are neighbours now, sorted by label: they
        # agree when the first equals the last.
        new_pixel = np.diff(index, prepend=-1) != 0
        start = np.flatnonzero(new_pixel | (np.diff(distance, prepend=-1) != 0))
        last = np.append(start[1:], len(index)) - 1
        agreed = np.where(label[start] == label[last], label[start], self.ignore_index)
        nearest = new_pixel[start]
        seg_map.flat[index[start[nearest]]] = agreed[nearest]
        return seg_map
