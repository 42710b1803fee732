"""Draw scenes of textured objects with exact masks.

A class is a shape, a texture and a range of hues, and none of the three alone gives it
away: the hues of neighbouring classes overlap, the background borrows the textures, and
distractors carry the texture of one class and any hue on a shape that is nobody's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

# To be raised when other scenes are drawn: finished sets on disks are then made again.
DRAWING_VERSION = 3
# Highest share of an object that later ones may cover.
MAX_COVERED = 0.5
HUE_SPREAD = 0.03
Field = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.hypot(u, v) < 0.9


def _ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    radius = np.hypot(u, v)
    return (radius > 0.42) & (radius < 1)


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.hypot(u, v) < 0.72 + 0.28 * np.cos(5 * np.arctan2(v, u))


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    u, v = np.abs(u), np.abs(v)
    return (np.minimum(u, v) < 0.4) & (np.maximum(u, v) < 1)


def _crescent(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (np.hypot(u, v) < 1) & (np.hypot(u - 0.65, v) > 0.72)


def _stripes(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.sin(u)


def _checks(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (np.sin(u) * np.sin(v) > 0).astype(float)


def _dots(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (np.cos(u) + np.cos(v) > 0.7).astype(float)


def _ripples(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.cos(np.hypot(u, v))


def _bricks(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    shifted = u + np.pi * (np.floor(v / np.pi) % 2)
    return ((np.abs(np.sin(shifted / 2)) > 0.25) & (np.abs(np.sin(v)) > 0.3)).astype(float)


# Class id - 1 to outline, texture and mean hue.
SHAPES = (_disc, _ring, _star, _cross, _crescent)
TEXTURES = (_stripes, _checks, _dots, _ripples, _bricks)
HUES = (0.0, 0.16, 0.36, 0.58, 0.8)
NUM_OBJECT_CLASSES = len(SHAPES)


@dataclass
class Scene:
    """An image under construction.

    Attributes:
        image (np.ndarray): (H, W, 3) float colours in [0, 1].
        mask (np.ndarray): (H, W) uint8 class ids.
        instance (np.ndarray): (H, W) int, 0 or the number of the visible object.
    """

    image: np.ndarray
    mask: np.ndarray
    instance: np.ndarray

    def paint(self, region: np.ndarray, colours: np.ndarray, label: int) -> None:
        """Cover a region with colours and a class."""
        self.image[region] = colours[region]
        self.mask[region] = label
        self.instance[region] = self.instance.max() + 1 if label else 0

    def hides_too_much(self, region: np.ndarray) -> bool:
        """Whether painting the region would leave little of an object to see."""
        visible = np.bincount(self.instance.ravel())
        covered = np.bincount(self.instance[region], minlength=len(visible))
        return bool((covered[1:] > MAX_COVERED * visible[1:])[visible[1:] > 0].any())


def draw_scene(
    rng: np.random.Generator, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene.

    Args:
        rng (np.random.Generator): Source of every random choice.
        shape (tuple[int, int]): Height and width.

    Returns:
        tuple[np.ndarray, np.ndarray]: (H, W, 3) uint8 RGB image and (H, W) uint8 mask with
        0 for background and 1 to 5 for the objects.
    """
    scene = Scene(
        image=_background(rng, shape),
        mask=np.zeros(shape, np.uint8),
        instance=np.zeros(shape, np.int64),
    )
    things = [0] * rng.integers(0, 4)
    things += rng.integers(1, NUM_OBJECT_CLASSES + 1, rng.integers(2, 6)).tolist()
    for label in rng.permutation(things):
        for _ in range(8):
            region, colours = _thing(rng, shape, int(label))
            if region.any() and not scene.hides_too_much(region):
                scene.paint(region, colours, int(label))
                break
    return _photograph(rng, scene.image), scene.mask


def _thing(
    rng: np.random.Generator, shape: tuple[int, int], label: int
) -> tuple[np.ndarray, np.ndarray]:
    """Region and colours of one object, or with label 0 of a distractor."""
    size = rng.uniform(0.17, 0.34) * min(shape)
    centre = rng.uniform(0.05, 0.95, 2) * shape
    angle, squeeze = rng.uniform(0, 2 * np.pi), rng.uniform(0.75, 1.0)
    u, v = _local_axes(shape, centre, angle)
    kind = label - 1 if label else int(rng.integers(NUM_OBJECT_CLASSES))
    outline, hue = (SHAPES[kind], HUES[kind]) if label else (_nobody(rng), rng.uniform())
    region = outline(u / size, v / (size * squeeze))
    tilt = rng.uniform(0, 2 * np.pi)
    colours = _textured(rng, shape, TEXTURES[kind], hue, (centre, angle + tilt))
    return region, colours


def _local_axes(
    shape: tuple[int, int], centre: np.ndarray, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates turned around a centre, each (H, W)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    y, x = y - centre[0], x - centre[1]
    return (
        x * np.cos(angle) + y * np.sin(angle),
        y * np.cos(angle) - x * np.sin(angle),
    )


def _nobody(rng: np.random.Generator) -> Field:
    """The outline of a distractor: a lump or a triangle."""
    if rng.random() < 0.4:
        corner = rng.uniform(0.3, 0.6)
        return lambda u, v: (v > -corner) & (v < 1 - 2 * np.abs(u))
    waves, phases = rng.uniform(0.05, 0.2, 3), rng.uniform(0, 2 * np.pi, 3)

    def lump(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        theta = np.arctan2(v, u)
        edge = sum(
            w * np.sin((k + 2) * theta + p) for k, (w, p) in enumerate(zip(waves, phases))
        )
        return np.hypot(u, v) < 0.7 + edge

    return lump


def _textured(
    rng: np.random.Generator,
    shape: tuple[int, int],
    texture: Field,
    hue: float,
    pose: tuple[np.ndarray, float],
    contrast: float = 0.45,
) -> np.ndarray:
    """Two shades of a hue mixed by a texture under uneven light, (H, W, 3)."""
    u, v = _local_axes(shape, *pose)
    frequency = 2 * np.pi / rng.uniform(6, 10)
    mix = texture(u * frequency, v * frequency)[..., None]
    hues = hue + rng.normal(0, HUE_SPREAD) + rng.normal(0, 0.02, 2)
    value = rng.uniform(0.55, 0.9)
    values = value, value * (1 - contrast * rng.uniform(0.6, 1.2))
    light, dark = (_rgb(h, rng.uniform(0.35, 0.8), b) for h, b in zip(hues, values))
    slope = rng.uniform(-0.25, 0.25) / max(shape)
    return (mix * light + (1 - mix) * dark) * (1 + slope * u[..., None])


def _rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """HSV to RGB, all in [0, 1] (hue cyclic)."""
    k = (np.array([5, 3, 1]) + hue * 6) % 6
    return value * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1))


def _background(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Clouds of two dull colours, a faint texture and some lines, (H, W, 3)."""
    clouds = sum(_noise(rng, shape, sigma) for sigma in (2, 6, 18))
    mix = 1 / (1 + np.exp(-1.2 * clouds))[..., None]
    one, two = (
        _rgb(rng.uniform(), rng.uniform(0.05, 0.4), rng.uniform(0.25, 0.85))
        for _ in range(2)
    )
    image = mix * one + (1 - mix) * two
    texture = TEXTURES[rng.integers(len(TEXTURES))]
    pose = rng.uniform(0, 1, 2) * shape, rng.uniform(0, np.pi)
    clutter = _textured(rng, shape, texture, rng.uniform(), pose, contrast=0.3)
    where = 1 / (1 + np.exp(-6 * (_noise(rng, shape, 10) - 0.3)))[..., None]
    image += 0.6 * where * (clutter - image)
    for _ in range(rng.integers(1, 5)):
        u, v = _local_axes(shape, rng.uniform(0, 1, 2) * shape, rng.uniform(0, np.pi))
        line = np.abs(v - 4 * np.sin(u / rng.uniform(8, 30))) < rng.uniform(0.6, 2)
        image[line] = _rgb(rng.uniform(), rng.uniform(0, 0.7), rng.uniform(0.1, 0.9))
    return image


def _noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Smooth noise of unit variance, (H, W)."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode='wrap')
    return noise / noise.std()


def _photograph(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Exposure, colour cast, blur and sensor noise, as uint8."""
    image = image * rng.uniform(0.8, 1.15) * rng.uniform(0.92, 1.08, 3)
    image = ndimage.gaussian_filter(image, (rng.uniform(0.3, 0.8),) * 2 + (0,))
    image += rng.normal(0, rng.uniform(0.01, 0.05), image.shape)
    return np.rint(255 * image.clip(0, 1)).astype(np.uint8)
