"""Picture of the images nearest to each centroid."""

from collections.abc import Sequence
from pathlib import Path

import mmcv
from PIL import Image, ImageDraw, ImageOps

from .._files import replace_file

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
