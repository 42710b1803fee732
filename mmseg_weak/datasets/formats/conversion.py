"""From one format to another, with a report of what was read, left out and changed."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..image_checks import image_sizes
from ..image_files import IMAGE_SUFFIXES
from .annotations import Annotations
from .base import ReadOptions
from .blocks import can_be_parted
from .checks import check_positions, check_sizes, match_names
from .class_edit import ClassEdit
from .masks import MaskFolder, write_masks
from .reading import find_format, plain_format, read_annotations
from .source import Source
from .table_conversion import TableConversion
from .writing import write_annotations

CLICK_TABLE = 'click-table'


def convert(
    source: str | os.PathLike,
    to: str | None = None,
    out: str | os.PathLike | None = None,
    options: ReadOptions | None = None,
    classes: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    as_class: str | None = None,
    overwrite: bool = False,
) -> str:
    """Read clicks, scribbles and tags, or masks, and write them in another format.

    Args:
        source (str | os.PathLike): File or folder of annotations; with ``classes``, also
            a folder of label maps as PNGs.
        to (str, optional): Name of the format to write. Defaults to None: only report.
        out (str | os.PathLike, optional): File or folder to write.
        options (ReadOptions, optional): What the user says about the source; ``images`` is
            needed for masks and for formats that need sizes.
        classes (Sequence[str], optional): Names of the labels of masks, or of the ids in
            ``source``, in their order.
        only (Sequence[str], optional): Classes that are kept. Defaults to None: all.
        as_class (str, optional): The one class that all that is kept gets.
        overwrite (bool): Replace what is at ``out``. Defaults to False, refused.

    Returns:
        str: The report.

    Raises:
        FileNotFoundError: ``source`` does not exist.
        ValueError: It cannot be read, written or what it holds does not fit the images;
            ``out`` exists.
    """
    options = options or ReadOptions()
    if out is not None and not overwrite and _holds_something(Path(out)):
        raise ValueError(f'{out} exists: --overwrite it, or choose another --out')
    if (to is None) != (out is None):
        raise ValueError(
            'a format to write and a path to write to go together (--to, --out)'
        )
    if classes is not None and Path(source).is_dir() and any(Path(source).rglob('*.png')):
        return _convert_masks(source, to, out, options, classes)
    edit = ClassEdit(classes, only, as_class)
    if to == CLICK_TABLE and Path(source).is_file():
        table, name = Source(source), options.format
        name = name or find_format(table) or plain_format(table, 'clicks')
        if can_be_parted(table, name):
            return _convert_lines(table, name, out, options, edit)
    found = read_annotations(source, options=options, wanted='any')
    found = edit.of_all(found)
    found = found if options.images is None else fit_to_images(found, options.images)
    lines = [found.report()]
    if to is not None:
        lost = write_annotations(out, found, to)
        lines.append('\n  '.join([f'{out}: {to}', *lost]))
    return '\n'.join(lines)


def _holds_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _convert_lines(
    source: Source,
    name: str,
    out: str | os.PathLike,
    options: ReadOptions,
    edit: ClassEdit,
) -> str:
    """A table of any length in constant memory."""
    if options.images is not None:
        raise ValueError(
            'a click table needs no --images: names and sizes are those of the images that '
            'a training loads'
        )
    options = replace(options, fractions=True)
    conversion = TableConversion(source, name, out, options, edit)
    index = conversion.run()
    return f'{conversion.report(index)}\n{out}: {CLICK_TABLE}'


def _convert_masks(
    source: str | os.PathLike,
    to: str | None,
    out: str | os.PathLike | None,
    options: ReadOptions,
    classes: Sequence[str],
) -> str:
    if options.images is None or to is None:
        raise ValueError('masks need --images, --to and --out beside --classes')
    masks = MaskFolder(source, classes, options.images)
    write_masks(out, masks, to)
    report = [f'{source}: {len(masks)} masks', *masks.notes, f'{out}: {to}']
    return '\n'.join(report)


def fit_to_images(found: Annotations, folder: str | os.PathLike) -> Annotations:
    """Give annotations the names and sizes of the images in a folder.

    Args:
        found (Annotations): What a source holds.
        folder (str | os.PathLike): The images, also in folders below it.

    Returns:
        Annotations: With images as they are called there; notes say what was matched how,
        and how many were left out because there is no such image.

    Raises:
        FileNotFoundError: The folder is absent.
        ValueError: No image is there, names are ambiguous, a size differs from what the
            source says, or positions are no pixels.
    """
    images, notes = _find_files(found.clicks.images, folder)
    there = [name for name in images.values() if os.path.isfile(os.path.join(folder, name))]
    if len(there) < len(images):
        absent = next(name for name in images.values() if name not in set(there))
        text = f'{len(images) - len(there)} of {len(images)} images are not in {folder}'
        if not there:
            raise ValueError(f'{found.path}: {text}, such as {absent}')
        notes.append(f'{text} and are left out, such as {absent}')
    measured = image_sizes([os.path.join(folder, name) for name in there])
    sizes = dict(zip(there, map(tuple, measured.tolist())))
    try:
        right = {k: sizes[name] for k, name in images.items() if name in sizes}
        check_sizes(found.sizes, right)
    except ValueError as error:
        raise ValueError(f'{found.path}: {error}') from None
    fitted = found.of_images({k: name for k, name in images.items() if name in sizes})
    fitted = replace(fitted, sizes=sizes, notes=[*found.notes, *notes])
    _check(fitted)
    return fitted


def _find_files(
    names: Sequence[str], folder: str | os.PathLike
) -> tuple[dict[str, str], list[str]]:
    """File of each image below a folder, or its own name; and how they matched."""
    files = _images_below(folder)
    stems = {name: os.path.splitext(name)[0] for name in files}
    if len(set(stems.values())) < len(stems):
        stems = {name: name for name in files}  # a.jpg beside a.png: suffixes matter
    back = {stem: name for name, stem in stems.items()}
    plain = {
        name: stems.get(name, os.path.splitext(name)[0] if _is_image(name) else name)
        for name in names
    }
    matched, notes = match_names(names, list(back), plain.get)
    return {name: back.get(stem, name) for name, stem in matched.items()}, notes


def _check(found: Annotations) -> None:
    """Positions against the sizes that are known."""
    clicks = found.clicks
    sizes = np.array([found.sizes.get(i, (0, 0)) for i in clicks.images]).reshape(-1, 2)
    of_points = sizes[clicks.image_index[clicks.point_rows()]]
    known = of_points[:, 0] > 0
    try:
        found.notes.extend(check_positions(clicks.points[known], of_points[known]))
    except ValueError as error:
        raise ValueError(f'{found.path}: {error}') from None
    inside = ((clicks.points >= 0) & (clicks.points < of_points)).all(axis=1)
    if (known & ~inside).any():
        found.notes.append(f'{(known & ~inside).sum()} positions lie outside their image')


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)


def _images_below(folder: str | os.PathLike) -> list[str]:
    """Image files of a folder and those below it, relative, with ``/``.

    Raises:
        FileNotFoundError: It is absent.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f'image folder not found: {folder}')
    found = []
    for parent, _, files in os.walk(folder):
        paths = (os.path.relpath(os.path.join(parent, f), folder) for f in files)
        found += [path.replace(os.sep, '/') for path in paths if _is_image(path)]
    return sorted(found)
