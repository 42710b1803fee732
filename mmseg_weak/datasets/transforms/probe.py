"""Try a transform on a picture whose answer is known, instead of trusting its name.

The picture is dark with one bright square, and the sample has one click in the middle of
it. Whatever a transform does, the click must come out on the square.
"""

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from .click_rows import MARK, attach_clicks, click_xy, detach_clicks

# Height and width of the picture for all.
SMALL = (72, 96)
LARGEST = 2048
# Half the side of the square: a small one shows small displacements, a large one survives
# strong shrinking. The large one is this share of the shorter side.
SMALL_HALF, LARGE_SHARE = 2, 1 / 10
# Where the square lies, as shares of the width and the height.
PLACES = ((0.1, 0.15), (0.85, 0.5), (0.5, 0.5), (0.15, 0.55), (0.3, 0.7), (0.8, 0.1))
# Next to black, so that holes which are cut out black look like the rest.
DARK, BRIGHT = 8, 220
# Share of the largest deviation from the dark that counts as bright.
LEVEL = 0.5
# A picture without any deviation above this has lost its square.
LOST = 20


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed NumPy, random and torch; give their states back at the end."""
    states = np.random.get_state(), random.getstate(), torch.get_rng_state()
    try:
        np.random.seed(seed)
        random.seed(seed)
        torch.random.default_generator.manual_seed(seed)
        yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])
        torch.set_rng_state(states[2])


def parts_clicks(transform: BaseTransform, stage: str = 'on the way') -> bool:
    """Whether a transform moves the picture and not its click, or the other way round.

    Args:
        transform (BaseTransform): Any transform of a pipeline; it is not changed.
        stage (str): ``before`` it stands before ``LoadClicks``, ``on the way`` or
            ``behind`` ``RasterizeClicks``.

    Returns:
        bool: True when click and square differ in one of the tries. False when they never
        do, and when the transform cannot run on such a sample (it loads files, or needs
        other keys).
    """
    return any(_differ(before, after) for before, after in _tries(transform, stage))


def moves_pixels(transform: BaseTransform) -> bool:
    """Whether a transform moves the square or changes the size of the picture."""
    for before, after in _tries(transform, 'image only'):
        if before['img'].shape[:2] != after['img'].shape[:2]:
            return True
        bright = _bright(after['img'])
        x, y = before['centre']
        if bright is not None and not bright[y, x]:
            bright[_bright(before['img'])] = False
            if bright.any():  # elsewhere; otherwise it is hidden in part
                return True
    return False


def _tries(transform: BaseTransform, stage: str) -> Iterator[tuple[dict, dict]]:
    """Samples before and after, over sizes, places of the square and seeds."""
    for size in _sizes(transform):
        halves = SMALL_HALF, int(min(SMALL) * LARGE_SHARE)
        if size != SMALL:
            halves = (SMALL_HALF if size > SMALL else 0,)
        places = PLACES if size <= SMALL else PLACES[:2]  # large ones cost time
        for seed, (place, half) in enumerate(product(places, halves)):
            before = _sample(size, place, half, stage)
            certain = copy.deepcopy(transform)
            for name, value in vars(certain).items():
                if name.endswith('prob') and isinstance(value, float) and value > 0:
                    setattr(certain, name, 1.0)
            after = dict(before, seg_fields=list(before.get('seg_fields', ())))
            after = {k: v.copy() if hasattr(v, 'copy') else v for k, v in after.items()}
            try:
                with seeded(seed):
                    after = certain(after)
                    after = None if after is None else dict(after)
            except Exception:  # anything: a sample without the keys it needs
                return
            if after is not None and isinstance(after.get('img'), np.ndarray):
                yield before, after


def _sizes(transform: BaseTransform) -> list[tuple[int, int]]:
    """Heights and widths to try: one for all, and just beyond the sizes a transform names.

    A large crop leaves a small picture as it is; a small crop of it hardly ever shows the
    square.
    """
    named = [n for n in _whole_numbers(vars(transform).values()) if n > 1]
    sizes = [SMALL]
    if named and min(named) < min(SMALL) // 2:
        sizes.append((min(named) + 4, min(named) + 6))
    if named and max(named) >= min(SMALL):
        largest = min(max(named), LARGEST)
        sizes.append((largest * 9 // 8, largest * 5 // 4))
    return sizes


def _whole_numbers(values) -> Iterator[int]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _whole_numbers(value)
        elif isinstance(value, (int, np.integer)):
            yield int(value)


def _sample(size: tuple, place: tuple, half: int, stage: str) -> dict:
    height, width = size
    x, y = int(place[0] * width), int(place[1] * height)
    image = np.full((height, width, 3), DARK, np.uint8)
    image[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1] = BRIGHT
    sample = dict(img=image, img_shape=size, centre=(x, y), small=half <= SMALL_HALF)
    if stage == 'image only':
        return sample
    sample |= dict(
        ori_shape=size,
        img_path='probe',
        img_id='probe',
        sample_idx=0,
        seg_fields=[],
        clicks=np.array([[x + 0.5, y + 0.5]]),
        click_labels=np.array([1]),
        image_classes=(1,),
    )
    if stage != 'before':
        attach_clicks(sample, sample['clicks'])
    if stage == 'behind':
        sample['gt_seg_map'] = np.zeros(size, np.uint8)
        sample['seg_fields'].append('gt_seg_map')
        detach_clicks(sample)
    return sample


def _bright(image: np.ndarray) -> np.ndarray | None:
    """(H, W) bool, what differs from the dark; None when nothing does."""
    grey = image.reshape(*image.shape[:2], -1).max(-1).astype(np.float32)
    if not grey.size:
        return None
    step = 1 + min(grey.shape) // 100
    deviation = np.abs(grey - np.median(grey[::step, ::step]))
    if deviation.max() < LOST:
        return None
    return deviation >= LEVEL * deviation.max()


def _differ(before: dict, after: dict) -> bool:
    shape = after['img'].shape[:2]
    old = before['clicks'] if MARK not in before else click_xy(before)
    try:
        new = click_xy(after) if MARK in after else after.get('clicks', np.zeros((0, 2)))
    except ValueError:  # boxes dropped or replaced
        return True
    pixels = [np.floor(xy).astype(int) for xy in new]
    visible = [p for p in pixels if (p >= 0).all() and (p < shape[::-1]).all()]
    bright = _bright(after['img'])
    if bright is None:  # cut away, then the click is too; or hidden where it was
        hidden = shape == before['img'].shape[:2] and np.array_equal(old, new)
        return bool(visible) and not hidden and not before['small']
    if not visible:  # half a square at the border may have lost its middle
        frame = bright.copy()
        frame[1:-1, 1:-1] = False
        return not frame.any()
    near = [bright[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] for x, y in visible]
    return not all(patch.any() for patch in near)
