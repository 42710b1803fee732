"""Scribbles and answers "no" as a person would give them, drawn from dense masks.

For data sets that have masks: to learn what scribbles or yes/no questions would give before
paying for them. A training run never comes here.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.graph import MCP_Geometric
from skimage.measure import approximate_polygon

from .click_simulation import image_generator

Line = list[tuple[float, float]]
MAX_QUESTIONS_TRIED = 50


@dataclass(frozen=True)
class ScribbleSimulator:
    """Draws a line along the middle of each connected part of a class.

    It runs from a random inner pixel to the one farthest away, on the way on which pixels
    far from the border cost least, and is cut at both ends.

    Attributes:
        min_area (int): Smaller parts (pixels) are overlooked, >= 1.
        length (float): Share of the way that is drawn, in (0, 1].
        tolerance (float): Most pixels between the way and the line, >= 0.
        ignore_index (int): Mask value without a class.
        seed (int): Seed, >= 0; every image has a generator of its own.

    Raises:
        ValueError: An option is out of its range.
    """

    min_area: int = 64
    length: float = 0.8
    tolerance: float = 1.0
    ignore_index: int = 255
    seed: int = 0

    def __post_init__(self) -> None:
        if self.min_area < 1 or self.seed < 0 or self.tolerance < 0:
            raise ValueError('min_area must be >= 1, seed and tolerance >= 0')
        if not 0 < self.length <= 1:
            raise ValueError(f'length must be in (0, 1], got {self.length}')

    def __call__(self, mask: np.ndarray, image_id: str) -> list[tuple[int, Line]]:
        """Scribbles of one image.

        Args:
            mask (np.ndarray): (H, W) integer class ids.
            image_id (str): Id of the image, which seeds the draw.

        Returns:
            list[tuple[int, Line]]: Class and corners ``(x, y)``, centres of pixels.
        """
        rng, found = image_generator(self.seed, f'scribbles of {image_id}'), []
        for label in np.unique(mask[mask != self.ignore_index]).tolist():
            parts, count = ndimage.label(mask == label)
            for i in range(1, count + 1):
                part = parts == i
                if part.sum() >= self.min_area:
                    found.append((label, self._line(part, rng)))
        return found

    def _line(self, part: np.ndarray, rng: np.random.Generator) -> Line:
        # The frame counts as a border: what is visible ends there.
        distance = ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1]
        pixels = np.argwhere(part)
        weight = distance[part] ** 2
        start = pixels[rng.choice(len(pixels), p=weight / weight.sum())]
        cost = np.where(part, 1 / np.maximum(distance, 1), -1)  # < 0 cannot be passed
        graph = MCP_Geometric(cost)
        total, _ = graph.find_costs([start])
        inner = part & (distance >= np.median(distance[part])) & np.isfinite(total)
        end = np.unravel_index(np.where(inner, total, -1).argmax(), part.shape)
        way = np.array(graph.traceback(end))
        cut = int(len(way) * (1 - self.length) / 2)
        way = way[cut : len(way) - cut]
        corners = approximate_polygon(way.astype(float), self.tolerance)
        return [(float(x) + 0.5, float(y) + 0.5) for y, x in corners]


def simulate_noes(
    mask: np.ndarray,
    image_id: str,
    classes: list[int],
    count: int,
    seed: int = 0,
    ignore_index: int = 255,
    expected: np.ndarray | None = None,
) -> list[tuple[int, float, float]]:
    """Ask "does this pixel show this class?" at random, and keep the answers "no".

    Args:
        mask (np.ndarray): (H, W) integer class ids.
        image_id (str): Id of the image, which seeds the draw.
        classes (list[int]): Classes that are asked for, each as often.
        count (int): Number of "no" points, >= 0; fewer where an image shows hardly
            anything else than what is asked for.
        seed (int): Seed, >= 0. Defaults to 0.
        ignore_index (int): Mask value without a class, never asked for. Defaults to 255.
        expected (np.ndarray, optional): (H, W) class ids that a network expects: each pixel
            is asked for its own. Defaults to None, for a random class.

    Returns:
        list[tuple[int, float, float]]: The class that is not there, ``x`` and ``y``.

    Raises:
        ValueError: ``expected`` has another size than the mask.
    """
    if expected is not None and expected.shape != mask.shape:
        raise ValueError(
            f'{image_id}: the mask has shape {mask.shape}, the prediction {expected.shape}'
        )
    rng, found = image_generator(seed, f'noes of {image_id}'), []
    for _ in range(MAX_QUESTIONS_TRIED * count):
        if len(found) == count:
            break
        row, column = (int(rng.integers(side)) for side in mask.shape)
        label = classes[int(rng.integers(len(classes)))]
        if expected is not None:
            label = int(expected[row, column])
        if mask[row, column] not in (label, ignore_index):
            found.append((label, column + 0.5, row + 0.5))
    return found
