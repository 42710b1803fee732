"""Tags by folder: ``<class>/<image>``."""

from collections.abc import Sequence

from ..image_files import IMAGE_SUFFIXES
from .collector import Collector


def read_class_folders(path: str, files: Sequence[str], out: Collector) -> None:
    """Take the folder of each image for its tag.

    An image in two folders has two tags. Its id is its name without the folder.

    Args:
        path (str): The folder of folders, for messages.
        files (Sequence[str]): Its files, relative.
        out (Collector): Where tags go.

    Raises:
        ValueError: There is no image in a folder.
    """
    found = False
    for file in sorted(files):
        parts = file.replace('\\', '/').split('/')
        if not parts[-1].lower().endswith(IMAGE_SUFFIXES):
            continue
        if len(parts) != 2:
            out.leave_out('image not in a folder of one class')
            continue
        found = True
        out.image(parts[-1])
        out.tag(parts[0])
    if not found:
        raise ValueError(f'{path}: no <class>/<image> here, and no file of annotations')
