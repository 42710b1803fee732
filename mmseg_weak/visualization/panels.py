"""Compose pictures from images, label maps and clicks; arrays in, arrays out."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import mmcv
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from .._files import replace_file

FONT_SIZE = 13
TITLE_HEIGHT = 20
GAP = 4
WHITE = 255
# A colour whose brightest channel is below this passes for black on a photograph.
DARK = 100
GAMMA = 0.45
Palette = Sequence[Sequence[int]]


def visible_palette(palette: Palette, background: int | None = 0) -> np.ndarray:
    """Brighten a palette that has colours close to black, such as VOC's.

    All colours but the background's then go through one gamma curve, so distinct colours
    stay distinct; other palettes stay as they are.

    Args:
        palette (Sequence): (n, 3) colours, 0 to 255.
        background (int, optional): Class that may be black. Defaults to 0.

    Returns:
        np.ndarray: (n, 3) uint8 colours.
    """
    colours = np.array(palette, dtype=np.float64).reshape(-1, 3)
    others = np.arange(len(colours)) != background
    if (colours[others].max(1) < DARK).any():
        colours[others] = WHITE * (colours[others] / WHITE) ** GAMMA
    return np.rint(colours).astype(np.uint8)


def overlay(
    image: np.ndarray,
    labels: np.ndarray,
    palette: Palette,
    alpha: float = 0.5,
    background: int | None = 0,
) -> np.ndarray:
    """Tint an image with a label map and outline its regions in a lighter tone.

    Args:
        image (np.ndarray): (H, W, 3) uint8 RGB.
        labels (np.ndarray): (H, W) class ids; ids beyond the palette, such as 255, stay
            as they are.
        palette (Sequence): Colours of the classes, 0 to 255.
        alpha (float): Share of the class colour, in [0, 1].
        background (int, optional): Class that is darkened instead of tinted, so that what
            was found stands out. None tints every class.

    Returns:
        np.ndarray: (H, W, 3) uint8 RGB.

    Raises:
        ValueError: Image and label map differ in size.
    """
    if image.shape[:2] != labels.shape:
        raise ValueError(
            f'image of {image.shape[:2]} and label map of {labels.shape} (height, width) '
            'do not fit together'
        )
    colours = np.asarray(palette, dtype=np.float32).reshape(-1, 3)
    painted = (labels >= 0) & (labels < len(colours)) & (labels != background)
    result = image.astype(np.float32)
    result[labels == background] *= 1 - 0.5 * alpha
    result[painted] *= 1 - alpha
    result[painted] += alpha * colours[labels[painted]]
    outline = painted & _border(labels)
    result[outline] = (colours[labels[outline]] + WHITE) / 2
    return np.rint(result).astype(np.uint8)


def _border(labels: np.ndarray) -> np.ndarray:
    """Mark pixels with a neighbour of another label."""
    border = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        change = np.diff(labels.astype(np.int64), axis=axis) != 0
        last, first = ([(0, 0), (0, 0)] for _ in range(2))
        last[axis], first[axis] = (0, 1), (1, 0)
        border |= np.pad(change, last) | np.pad(change, first)
    return border


def draw_clicks(
    image: np.ndarray,
    xy: np.ndarray,
    labels: np.ndarray,
    palette: Palette,
    radius: float = 4.0,
) -> np.ndarray:
    """Draw clicks as discs of the class colour with a white rim.

    Args:
        image (np.ndarray): (H, W, 3) uint8 RGB.
        xy (np.ndarray): (n, 2) continuous column and row (a pixel's centre ends with .5).
        labels (np.ndarray): (n,) class ids, each with a colour in ``palette``.
        palette (Sequence): Colours of the classes, 0 to 255.
        radius (float): Radius of the coloured disc in pixels; the rim is a third wider.

    Returns:
        np.ndarray: (H, W, 3) uint8 RGB, a new array.
    """
    result = image.astype(np.float32)
    height, width = image.shape[:2]
    outer = radius * 1.35 + 0.5
    for (x, y), label in zip(np.asarray(xy, dtype=float), labels):
        top, bottom = np.clip([y - outer - 2, y + outer + 2], 0, height).astype(int)
        left, right = np.clip([x - outer - 2, x + outer + 2], 0, width).astype(int)
        rows, columns = slice(top, bottom), slice(left, right)
        grid = np.mgrid[rows, columns].astype(float) + 0.5
        distance = np.hypot(grid[0] - y, grid[1] - x)
        # A rim of dark, then white, then the colour: it shows on every ground.
        for reach, colour in ((outer + 0.7, 0), (outer, WHITE), (radius, palette[label])):
            cover = np.clip(reach - distance + 0.5, 0, 1)[..., None]
            patch = result[rows, columns]
            patch += cover * (np.asarray(colour, np.float32) - patch)
    return np.rint(result).astype(np.uint8)


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Repeat pixels: small images of (H, W) or (H, W, 3) become easier to see."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def titled(image: np.ndarray, title: str) -> np.ndarray:
    """Put a title above an image.

    Args:
        image (np.ndarray): (H, W, 3) uint8 RGB.
        title (str): One line; what does not fit is cut off.

    Returns:
        np.ndarray: (H + 20, W, 3) uint8 RGB.
    """
    bar = Image.new('RGB', (image.shape[1], TITLE_HEIGHT), 'white')
    ImageDraw.Draw(bar).text((2, 2), title, fill='black', font=_font())
    return np.concatenate([np.asarray(bar), image])


def join_row(tiles: Mapping[str, np.ndarray]) -> np.ndarray:
    """Put titled images side by side on white.

    Args:
        tiles (Mapping[str, np.ndarray]): Title to (H, W, 3) uint8 RGB image; heights may
            differ.

    Returns:
        np.ndarray: (H', W', 3) uint8 RGB.
    """
    parts = [titled(image, title) for title, image in tiles.items()]
    height = max(part.shape[0] for part in parts)
    parts = [
        np.pad(
            part,
            ((0, height - part.shape[0]), (0, GAP if i < len(parts) - 1 else 0), (0, 0)),
            constant_values=WHITE,
        )
        for i, part in enumerate(parts)
    ]
    return np.concatenate(parts, axis=1)


def legend(
    classes: Sequence[str], palette: Palette, width: int | None = None
) -> np.ndarray:
    """Colours and names of the classes in lines of a given width.

    Args:
        classes (Sequence[str]): Names.
        palette (Sequence): Their colours, 0 to 255.
        width (int, optional): Width in pixels; a name that is wider alone is cut off.
            Defaults to None: a line for each class, as wide as the longest name.

    Returns:
        np.ndarray: (H, width, 3) uint8 RGB.
    """
    font, swatch = _font(), FONT_SIZE
    needed = [swatch + 4 + int(font.getlength(name)) + 12 for name in classes]
    most, width = width or 0, width or 2 + max(needed, default=0)
    places, x, line = [], 2, 0
    for wanted in needed:
        if x > 2 and x + wanted > most:
            x, line = 2, line + 1
        places.append((x, line * TITLE_HEIGHT + 3))
        x += wanted
    canvas = Image.new('RGB', (width, (line + 1) * TITLE_HEIGHT + 2), 'white')
    draw = ImageDraw.Draw(canvas)
    for (x, y), name, colour in zip(places, classes, palette):
        box = (x, y, x + swatch, y + swatch)
        draw.rectangle(box, fill=tuple(int(c) for c in colour), outline='black')
        draw.text((x + swatch + 4, y - 1), name, fill='black', font=font)
    return np.asarray(canvas)


def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(FONT_SIZE)


MAX_MAPS = 4


def heat(image: np.ndarray, cam: np.ndarray, alpha: float = 0.6) -> np.ndarray:
    """Paint an activation map over a grey image.

    Args:
        image (np.ndarray): (H, W, 3) uint8 RGB.
        cam (np.ndarray): (H, W) in [0, 1].
        alpha (float): Share of the colour, in [0, 1]. Defaults to 0.6.

    Returns:
        np.ndarray: (H, W, 3) uint8 RGB.

    Raises:
        ValueError: Image and map differ in size.
    """
    if image.shape[:2] != cam.shape:
        raise ValueError(
            f'image of {image.shape[:2]} and activation map of {cam.shape} (height, width) '
            'do not fit together'
        )
    grey = image.astype(np.float32).mean(axis=2, keepdims=True)
    colours = 255 * matplotlib.colormaps['inferno'](np.clip(cam, 0, 1))[..., :3]
    return np.rint((1 - alpha) * grey + alpha * colours).astype(np.uint8)


def heat_tiles(
    image: np.ndarray, scores: np.ndarray, classes: list[str], background: int | None = 0
) -> Mapping[str, np.ndarray]:
    """Pictures of the activation maps of the classes present.

    Args:
        image (np.ndarray): (H, W, 3) uint8 RGB.
        scores (np.ndarray): (C, H, W) in [0, 1], all classes; absent ones are 0.
        classes (list[str]): Class names.
        background (int, optional): A class that is left out. Defaults to 0.

    Returns:
        dict[str, np.ndarray]: Title to (H, W, 3) uint8 RGB, the four largest at most.
    """
    largest = scores.mean(axis=(1, 2))
    present = [i for i in np.argsort(-largest) if largest[i] > 0 and i != background]
    return {f'map of {classes[i]}': heat(image, scores[i]) for i in present[:MAX_MAPS]}


TILE, MARGIN = 112, 60


def draw_cluster_grid(
    path: str | Path, image_paths: Sequence[Sequence[str]], sizes: Sequence[int]
) -> None:
    """Write a JPEG with one row for each cluster.

    Args:
        path (str | Path): The file to write.
        image_paths (Sequence[Sequence[str]]): Images of each cluster, nearest first.
        sizes (Sequence[int]): Images in each cluster, written at the left.
    """
    columns = max(map(len, image_paths), default=0)
    if not columns:
        return
    grid = Image.new('RGB', (MARGIN + columns * TILE, len(image_paths) * TILE), 'white')
    draw = ImageDraw.Draw(grid)
    for row, (paths, size) in enumerate(zip(image_paths, sizes)):
        draw.text((4, row * TILE + 4), f'#{row}\n{size} img', fill='black')
        for column, image_path in enumerate(paths):
            image = Image.fromarray(mmcv.imread(image_path, channel_order='rgb'))
            tile = ImageOps.fit(image, (TILE, TILE))
            grid.paste(tile, (MARGIN + column * TILE, row * TILE))
    with replace_file(path) as temporary:
        grid.save(temporary, quality=85)
