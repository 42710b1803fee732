"""Clicks and masks of a session as files."""

import os
from collections.abc import Sequence
from pathlib import Path

from .._files import replace_file, write_json
from ..datasets.mask_files import write_mask
from .photos import class_palette
from .session import LiveSession


def export_clicks(session: LiveSession, path: str | os.PathLike) -> int:
    """Write the clicks as the JSON that ``ClickDataset`` reads.

    Args:
        session (LiveSession): The clicks.
        path (str | os.PathLike): The file.

    Returns:
        int: Clicks written; scribbles and denials are not clicks and are left out.
    """
    entries: dict[str, list[dict]] = {}
    for click in session.clicks:
        if len(click.points) == 1 and not click.denied:
            x, y = click.points[0]
            entry = {'x': x, 'y': y, 'class': click.name}
            entries.setdefault(click.image, []).append(entry)
    write_json(path, entries)
    return sum(map(len, entries.values()))


def export_masks(
    session: LiveSession, folder: str | os.PathLike, images: Sequence[str] | None = None
) -> None:
    """Write masks as palette PNGs, named by image id with ``.png`` for its suffix.

    Args:
        session (LiveSession): Its model makes them.
        folder (str | os.PathLike): Where to.
        images (Sequence[str], optional): Image ids. Defaults to None, all.

    Raises:
        ValueError: Two images would share a file, or there is no click yet.
    """
    images = session.images if images is None else images
    files = {image: (Path(folder) / image).with_suffix('.png') for image in images}
    if len(set(files.values())) < len(files):
        taken: dict[Path, str] = {}
        for image, file in files.items():
            if taken.setdefault(file, image) != image:
                raise ValueError(f'{taken[file]} and {image} would both be {file}')
    palette = class_palette(len(session.classes))
    for image, file in files.items():
        with replace_file(file) as temporary:
            write_mask(temporary, session.mask(image), palette)
