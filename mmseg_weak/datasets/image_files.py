"""The image files of a data set: which there are, and what they are called."""

import codecs
import os
from collections.abc import Sequence

import mmengine.fileio as fileio

from .messages import warn

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
# Characters of names that do not print and yet occur in them, between words.
ALLOWED = '\u3000\xa0\u200b\u200c\u200d'
# How many names an error message lists.
MAX_NAMES = 5
Files = str | os.PathLike | Sequence[str | os.PathLike]


def as_list(files: Files | None) -> list[str]:
    """Paths of one file, of several, or of none."""
    if files is None:
        return []
    if isinstance(files, (str, os.PathLike)):
        files = [files]
    return [os.fspath(file) for file in files]


def as_suffixes(suffix: str | Sequence[str]) -> tuple[str, ...]:
    """Ends of file names, of one or of several.

    Raises:
        ValueError: There is none, or one is empty or no text.
    """
    suffixes = (suffix,) if isinstance(suffix, str) else suffix
    if not isinstance(suffixes, Sequence) or not suffixes:
        raise ValueError(f"img_suffix must be like '.jpg' or ('.jpg', '.png'): {suffix!r}")
    if any(not isinstance(s, str) or not s.strip() for s in suffixes):
        raise ValueError(f'img_suffix must name ends of file names, got {suffix!r}')
    return tuple(dict.fromkeys(suffixes))


def image_id(name: str, suffix: str | Sequence[str]) -> str:
    """Id of an image as a file may write it: other slashes, with a suffix in any case."""
    name = name.replace('\\', '/').removeprefix('./')
    lower = name.lower()
    ends = [s for s in as_suffixes(suffix) if lower.endswith(s.lower())]
    return name[: -max(map(len, ends))] if ends else name


def list_images(
    folder: str,
    split_file: str = '',
    suffix: str | Sequence[str] = '.jpg',
    backend_args: dict | None = None,
) -> dict[str, str]:
    """The images of a data set and their files, each once.

    Suffixes count in any case (``.JPG`` is ``.jpg``). Hidden files and folders, such as
    ``.ipynb_checkpoints``, are left out, and so is ``__MACOSX``.

    Args:
        folder (str): Image folder; subfolders become part of the id.
        split_file (str): Text file with one id a line. Defaults to '', which takes
            all images of the folder in sorted order.
        suffix (str | Sequence[str]): Ends of the file names, not part of the id. Defaults
            to '.jpg'.
        backend_args (dict, optional): mmengine file backend. Defaults to None.

    Returns:
        dict[str, str]: Id to file below ``folder``. A file that a split list names is not
        looked for where one name only is possible.

    Raises:
        FileNotFoundError: Folder or split list is absent.
        ValueError: No image is named, an id names two files, or a list is no text.
    """
    suffixes = as_suffixes(suffix)
    if not fileio.isdir(folder, backend_args=backend_args):
        raise FileNotFoundError(f'image folder not found: {folder!r}')
    if not split_file:
        found, others = _files_by_id(folder, suffixes, backend_args)
        if not found:
            raise ValueError(
                f'no file of {folder} ends with {" or ".join(map(repr, suffixes))} '
                f'(img_suffix){_instead(others)}'
            )
        _tell_others(others, suffixes)
        return {image: _only(image, files) for image, files in found.items()}
    ids = [image_id(name, suffixes) for name in read_split(split_file, backend_args)]
    files = {image: image + suffixes[0] for image in ids}
    local = backend_args is None
    if len(suffixes) > 1 or (
        local and not all(os.path.isfile(os.path.join(folder, f)) for f in files.values())
    ):
        found, _ = _files_by_id(folder, suffixes, backend_args)
        files |= {image: _only(image, found[image]) for image in files if image in found}
    return files


def list_image_ids(
    folder: str,
    split_file: str = '',
    suffix: str | Sequence[str] = '.jpg',
    backend_args: dict | None = None,
) -> list[str]:
    """Ids of the images of a data set, each once; see :func:`list_images`."""
    return list(list_images(folder, split_file, suffix, backend_args))


def read_split(path: str, backend_args: dict | None = None) -> list[str]:
    """Lines of a split list that are not blank; see :func:`read_lines`."""
    return read_lines(path, 'split list', backend_args)


def read_lines(path: str, what: str, backend_args: dict | None = None) -> list[str]:
    """Lines of a list of names that are not blank.

    Args:
        path (str): Text file, UTF-8 or UTF-16 with its byte order mark.
        what (str): What it lists, for messages.
        backend_args (dict, optional): mmengine file backend. Defaults to None.

    Raises:
        FileNotFoundError: It is absent.
        ValueError: It is no text, or names nothing.
    """
    if not fileio.isfile(path, backend_args=backend_args):
        raise FileNotFoundError(f'{what} not found: {path}')
    content = fileio.get(path, backend_args=backend_args)
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode('utf-16' if utf16 else 'utf-8-sig')
    except UnicodeDecodeError as error:
        reason = str(error)
        raise ValueError(
            f'{what} {path} is no text in UTF-8 ({reason[:80]}); save it as UTF-8'
        ) from None
    names = []
    for number, line in enumerate(text.split('\n'), 1):
        name = line.strip()
        if not printable(name):
            raise ValueError(
                f'{what} {path}, line {number}: {name[:40]!r} holds a character that '
                'no name has; write one name a line, as UTF-8 text'
            )
        names += [name] if name else []
    if not names:
        raise ValueError(f'{what} {path} is empty')
    return names


def printable(name: str) -> bool:
    """Whether a name could be a file's: no control character, no half of a pair."""
    return all(c.isprintable() or c in ALLOWED for c in name)


def _files_by_id(
    folder: str, suffixes: Sequence[str], backend_args: dict | None
) -> tuple[dict[str, list[str]], list[str]]:
    """Files of each id in sorted order, and other files that may be images."""
    files = fileio.list_dir_or_file(
        folder, list_dir=False, recursive=True, backend_args=backend_args
    )
    found: dict[str, list[str]] = {}
    others = []
    ends = tuple(s.lower() for s in suffixes)
    for file in sorted(files):
        parts = file.replace('\\', '/').split('/')
        if any(part.startswith('.') or part == '__MACOSX' for part in parts):
            continue
        if file.lower().endswith(ends):
            found.setdefault(image_id(file, suffixes), []).append(file)
        elif file.lower().endswith(IMAGE_SUFFIXES):
            others.append(file)
    return found, others


def _only(image: str, files: Sequence[str]) -> str:
    if len(files) > 1:
        raise ValueError(
            f'image id {image!r} stands for {len(files)} files: {listing(files)}; take one '
            'img_suffix, or move the others'
        )
    return files[0]


def _instead(others: Sequence[str]) -> str:
    """What else a folder holds."""
    ends = sorted({os.path.splitext(file)[1] for file in others})
    return f'; it holds images that end with {", ".join(ends)}' if ends else ''


def _tell_others(images: Sequence[str], suffixes: Sequence[str]) -> None:
    """A folder of photographs often holds more than one suffix."""
    if images:
        ends = {os.path.splitext(file)[1].lower() for file in images}
        everything = tuple(dict.fromkeys((*suffixes, *sorted(ends))))
        warn(
            f'{len(images)} images do not end with {" or ".join(map(repr, suffixes))} '
            f'(img_suffix) and are left out: {listing(images)}; img_suffix={everything} '
            'takes them too'
        )


def listing(names: Sequence[str]) -> str:
    """Some of the names, for a message."""
    return ', '.join(names[:MAX_NAMES]) + (', ...' if len(names) > MAX_NAMES else '')
