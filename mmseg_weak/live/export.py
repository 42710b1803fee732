"""Clicks of a session from and to the formats of tools; masks as PNGs."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .._files import replace_file
from ..datasets.formats import Annotations, read_annotations, write_annotations
from ..datasets.formats.collector import Collector
from ..datasets.formats.conversion import fit_to_images
from ..datasets.formats.writing import writable_formats
from ..datasets.mask_files import write_mask
from ..registry import READERS
from ..visualization.palette import distinct_palette
from .labels import label_names, write_labels
from .session import LiveSession


def session_annotations(session: LiveSession) -> Annotations:
    """Clicks, scribbles and denials of a session as every writer takes them."""
    out = Collector()
    for click in session.clicks:
        height, width = session.size(click.image)
        if not session.holds(click.image, click.points):
            continue  # the photograph was replaced by a smaller one
        out.image(click.image, (width, height))
        if len(click.points) > 1:
            out.line(click.points, click.name, negative=click.denied)
        else:
            out.click(*click.points[0], click.name, negative=click.denied)
    return out.finish('session', 'session')


def click_file_name(format: str) -> str:
    """Name for the clicks in a format: of a file, or of a folder.

    Raises:
        ValueError: The format cannot be written.
    """
    entry = READERS.get(format) if format in writable_formats() else None
    if entry is None:
        raise ValueError(f'format {format!r} cannot be written')
    return 'clicks' + ('' if entry.per_image or entry.folder else entry.suffixes[0])


def export_clicks(
    session: LiveSession, path: str | os.PathLike, format: str = 'clicks'
) -> list[str]:
    """Write clicks in a format that is known.

    Args:
        session (LiveSession): The clicks.
        path (str | os.PathLike): File, or folder for formats of one file an image.
        format (str): Name of the format, see ``docs/formats.md``. Defaults to ``clicks``,
            the JSON that ``ClickDataset`` reads.

    Returns:
        list[str]: What the format cannot hold, one line each.

    Raises:
        ValueError: There is no click, or the format is unknown.
    """
    return write_annotations(path, session_annotations(session), format)


def import_clicks(
    session: LiveSession, path: str | os.PathLike, format: str | None = None
) -> str:
    """Take the clicks and scribbles of a file or folder in any format that is read.

    Classes that the session lacks are added. Marks of other images, and those outside
    theirs, are counted in the report.

    Args:
        session (LiveSession): Gets the clicks.
        path (str | os.PathLike): File or folder.
        format (str, optional): Name of the format. Defaults to None: by content.

    Returns:
        str: What was read and left out.

    Raises:
        FileNotFoundError: The file is absent.
        ValueError: It cannot be read, and nothing is taken; or a class in it has a name
            that cannot be shown, and the marks before it stay.
    """
    found = fit_to_images(read_annotations(path, format), session.photos)
    known, taken, left = set(session.images), 0, 0
    for mark in found.marks('points', 'lines', 'no'):
        inside = mark.image in known and session.holds(mark.image, mark.points)
        if not inside:
            left += 1
            continue
        name = mark.label or 'unnamed'
        if name not in session.classes:
            session.add_class(name)
        session.scribble(mark.image, mark.points, name, mark.negative)
        taken += 1
    rest = f', {left} of other images or outside theirs left out' if left else ''
    return f'{found.report()}\n{taken} marks taken{rest}'


def export_masks(
    session: LiveSession,
    folder: str | os.PathLike,
    images: Sequence[str] | None = None,
) -> None:
    """Write masks as palette PNGs, named by image id with ``.png`` for its suffix.

    Args:
        session (LiveSession): Its model makes them.
        folder (str | os.PathLike): Where to.
        images (Sequence[str], optional): Image ids. Defaults to None, all.

    Raises:
        ValueError: Two images would share a file, or there is no click yet.
    """
    for image, name in label_names(images or session.images).items():
        _write(session, Path(folder) / f'{name}.png', session.mask(image))


def export_masks_and_labels(
    session: LiveSession, folder: str | os.PathLike
) -> Iterator[str]:
    """Write masks of all images, and labels that a network can learn from.

    Args:
        session (LiveSession): Must not change meanwhile.
        folder (str | os.PathLike): Gets ``masks`` and ``labels``, see
            :func:`~mmseg_weak.live.labels.write_labels`.

    Yields:
        str: Image, as each is written.

    Raises:
        ValueError: As :func:`~mmseg_weak.live.labels.write_labels`.
    """
    folder, names = Path(folder), label_names(session.images)
    for image, probs in write_labels(session, folder / 'labels'):
        mask = probs.argmax(0).byte().numpy()
        _write(session, folder / 'masks' / f'{names[image]}.png', mask)
        yield image


def _write(session: LiveSession, file: Path, mask: np.ndarray) -> None:
    with replace_file(file) as temporary:
        write_mask(temporary, mask, distinct_palette(session.classes))
