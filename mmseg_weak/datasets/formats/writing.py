"""Write clicks, scribbles and tags in a format that is registered."""

import os

import numpy as np

from ..._files import replace_file, replace_folder
from ...registry import READERS
from .annotations import Annotations

KIND_NAMES = {'points': 'clicks', 'lines': 'scribbles', 'no': '"no" points'}


def writable_formats() -> list[str]:
    """Names of the formats that clicks or tags can be written in."""
    return sorted(n for n, entry in READERS.module_dict.items() if hasattr(entry, 'write'))


def write_annotations(
    path: str | os.PathLike, annotations: Annotations, format: str
) -> list[str]:
    """Write a file, or a folder for formats of one file an image, whole or not at all.

    Args:
        path (str | os.PathLike): The file or folder.
        annotations (Annotations): What to write.
        format (str): Name of the format.

    Returns:
        list[str]: What the format cannot hold, one line each.

    Raises:
        ValueError: The format is unknown or cannot be written, it can hold nothing of
            what there is, or it needs sizes of images that are not known.
    """
    if format not in writable_formats():
        raise ValueError(
            f'format {format!r} cannot be written, those that can are '
            f'{", ".join(writable_formats())}'
        )
    entry = READERS.get(format)
    lost = lost_in(annotations, entry.holds)
    if not _kept(annotations, entry.holds):
        raise ValueError(
            f'{annotations.path}: {entry.title} can hold nothing of it ({"; ".join(lost)})'
            if lost
            else f'{annotations.path}: there is nothing to write'
        )
    replace = replace_folder if entry.per_image or entry.folder else replace_file
    with replace(path) as temporary:
        entry.write(temporary, annotations)
    if entry.whole_pixels and np.any(annotations.clicks.points % 1):
        lost.append(f'parts of a pixel: {entry.title} has whole ones')
    return lost


def _kept(annotations: Annotations, holds: tuple[str, ...]) -> int:
    tags = 'tags' in holds and annotations.tags.present.any()
    return int(np.isin(annotations.kinds(), holds).sum()) + int(tags)


def lost_in(annotations: Annotations, holds: tuple[str, ...]) -> list[str]:
    """What a format that holds certain kinds does not take, counted."""
    kinds = annotations.kinds()
    counts = [(name, int((kinds == kind).sum()), kind) for kind, name in KIND_NAMES.items()]
    counts.append(('tags', len(annotations.tags), 'tags'))
    return [
        f'{n} {name} not written' for name, n, kind in counts if n and kind not in holds
    ]
