"""Find the format of a file or folder and read it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import mmengine.fileio as fileio

from ...registry import READERS
from ..image_files import IMAGE_SUFFIXES
from ..image_open import open_image
from .annotations import Annotations
from .base import Format, ReadOptions
from .blocks import Block, blocks, can_be_parted
from .collector import Collector
from .source import Source

ANNOTATION_SUFFIXES = ('.json', '.geojson', '.csv', '.tsv', '.txt', '.xml')
PLAIN = {'tags': ('tags', 'tags-csv')}
PLAIN_CLICKS = ('clicks', 'clicks-csv')
# What tags by the folder of their image are called where a format is named.
FOLDERS = 'folders'
LAYOUT_ERRORS = (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError)


def read_annotations(
    path: str | os.PathLike,
    format: str | None = None,
    options: ReadOptions | None = None,
    wanted: str = 'clicks',
    backend_args: dict | None = None,
) -> Annotations:
    """Read a file, or all files of a folder, in any format that is known.

    Args:
        path (str | os.PathLike): The file or folder.
        format (str, optional): Name of the format. Defaults to None: by content.
        options (ReadOptions, optional): What the user says about it.
        wanted (str): ``clicks``, ``tags`` or ``any`` of them: what an empty file is taken
            for. A folder ``<class>/<image>`` holds tags, which ``clicks`` does not take.
        backend_args (dict, optional): mmengine file backend. Defaults to None.

    Returns:
        Annotations: Marks and tags, and what was left out.

    Raises:
        FileNotFoundError: ``path`` does not exist.
        ValueError: No format fits, or an entry is malformed. The message names the file,
            the image and the entry.
    """
    path, options = os.fspath(path), options or ReadOptions()
    format = format or options.format
    if os.path.isdir(path):
        return _read_folder(path, format, options, wanted)
    if not fileio.isfile(path, backend_args=backend_args):
        raise FileNotFoundError(f'file or folder not found: {path}')
    source = Source(path, backend_args)
    name = format or find_format(source) or plain_format(source, wanted)
    out = Collector()
    if can_be_parted(source, name):
        for block, _ in blocks(source):
            read_block(out, name, block, options)
    else:
        read_into(out, name, source, options)
    return out.finish(path, name)


def read_block(out: Collector, name: str, block: Block, options: ReadOptions) -> None:
    """Read one block of a table, by column if its lines are plain.

    Raises:
        ValueError: A line is malformed; the message is that of reading line by line.
    """
    columns, taken, reader = block.columns(), False, READERS.get(name)
    if columns is not None:
        out.name, out.where = '', ''
        with _one_line(out, block, reader):
            taken = reader.read_columns(columns, block.lines_before + 2, out, options)
    if not taken:
        read_into(out, name, block, options)


def find_format(source: Source) -> str | None:
    """Name of the registered format that the content of a file fits.

    Raises:
        ValueError: Several fit, or the file cannot be decoded or parsed.
    """
    fits = [name for name, entry in READERS.module_dict.items() if entry.sniff(source)]
    if len(fits) > 1:
        raise ValueError(f'{source.path}: could be {" or ".join(fits)}; name the format')
    return fits[0] if fits else None


def plain_format(source: Source, wanted: str) -> str:
    """The package's own format, whose messages say what a plain file should hold."""
    source.text  # noqa: B018  a file that is no text ends here
    return PLAIN.get(wanted, PLAIN_CLICKS)[0 if source.is_json else 1]


def read_into(out: Collector, name: str, source: Source, options: ReadOptions) -> None:
    """Read one file; what a broken entry raises becomes one line with its place.

    Raises:
        ValueError: The format is unknown or the file is malformed.
    """
    reader: type[Format] | None = READERS.get(name) if name in READERS.module_dict else None
    if reader is None:
        raise ValueError(
            f'unknown format {name!r}, there are {", ".join(sorted(READERS.module_dict))}'
        )
    out.name, out.where = '', ''
    with _one_line(out, source, reader):
        reader.read(source, out, options)


@contextmanager
def _one_line(out: Collector, source: Source, reader: type[Format]) -> Iterator[None]:
    """What a broken entry raises becomes one line with file, image and entry."""
    try:
        yield
    except LAYOUT_ERRORS as error:
        text = _explain(error, reader.title)
        if text.startswith(source.path):
            raise ValueError(text) from None
        place = f'{out.place()}: ' if out.place() else ''
        raise ValueError(f'{source.path}: {shorten(place + text)}') from None


def shorten(text: str, most: int = 300) -> str:
    """A message as one line that a broken file cannot make endless."""
    text = ' '.join(text.split('\n'))
    return text if len(text) <= most else f'{text[:most]} ...'


def _explain(error: Exception, title: str) -> str:
    if isinstance(error, KeyError):
        return f'no {error.args[0]!r}, which {title} has here'
    if isinstance(error, ValueError) and 'unpack' not in str(error):
        return str(error)
    return f'not the layout of {title} ({error})'


def _read_folder(
    path: str, format: str | None, options: ReadOptions, wanted: str
) -> Annotations:
    """Read every file of a folder that has annotations."""
    files = sorted(fileio.list_dir_or_file(path, list_dir=False, recursive=True))
    entry = READERS.module_dict.get(format)
    suffixes = entry.suffixes if entry else ANNOTATION_SUFFIXES
    names = [f for f in files if f.lower().endswith(suffixes)]
    out, seen = Collector(), None
    for name in [] if format == FOLDERS else names:
        # One file at a time: some hold their whole image.
        source = Source(os.path.join(path, name), name=name)
        found = format or find_format(source)
        if found is None:
            out.note(f'{name} is of no known format and left out')
        elif seen not in (None, found):
            raise ValueError(f'{path}: holds files of {seen} and {found}; part them')
        else:
            seen = found
            read_into(out, found, source, options)
    if seen is None and (
        format == FOLDERS
        or (format is None and wanted == 'tags')
        or (format is None and wanted == 'any' and _holds_class_folders(path, files))
    ):
        read_class_folders(path, files, out, options.images)
        return out.finish(path, FOLDERS)
    if seen is None:
        raise ValueError(
            f'{path}: no file here is of a known format (PNGs of scribbles are read when '
            "the format is named, 'scribble-png', grey photographs in folders of their "
            f'classes as {FOLDERS!r})'
        )
    return out.finish(path, seen)


def _holds_class_folders(path: str, files: Sequence[str]) -> bool:
    """Whether images, and no maps of class ids, lie in folders."""
    images = [f for f in files if f.lower().endswith(IMAGE_SUFFIXES)]
    first = next((f for f in sorted(images) if f.replace('\\', '/').count('/') == 1), None)
    if first is None or not first.lower().endswith('.png'):
        return first is not None
    try:
        with open_image(os.path.join(path, first)) as image:
            return image.mode in ('RGB', 'RGBA')
    except Exception:  # Pillow raises anything for damaged files
        return True  # its name is enough; photographs are checked where they are read


def read_class_folders(
    path: str, files: Sequence[str], out: Collector, images: str | None = None
) -> None:
    """Take the folder of each image for its tag.

    An image in two folders has two tags. Its id is its name without the folder; with it
    where the photographs lie in the same folders.

    Args:
        path (str): The folder of folders, for messages.
        files (Sequence[str]): Its files, relative.
        out (Collector): Where tags go.
        images (str, optional): Folder of the photographs.

    Raises:
        ValueError: There is no image in a folder.
    """
    found = False
    for file in sorted(files):
        parts = file.replace('\\', '/').split('/')
        if not parts[-1].lower().endswith(IMAGE_SUFFIXES):
            continue
        if any(part.startswith('.') or part == '__MACOSX' for part in parts):
            continue  # as where photographs are listed
        if len(parts) != 2:
            out.leave_out('image not in a folder of one class')
            continue
        found = True
        same = images is not None and os.path.isfile(os.path.join(images, *parts))
        out.image('/'.join(parts) if same else parts[-1])
        out.tag(parts[0])
    if not found:
        raise ValueError(f'{path}: no <class>/<image> here, and no file of annotations')
