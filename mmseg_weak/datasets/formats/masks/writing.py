"""Write label maps in a format that is registered."""

import os

from ...._files import replace_file, replace_folder
from ....registry import WRITERS
from .mask_folder import MaskFolder


class MaskFormat:
    """One format of masks; subclasses are registered in ``registry.WRITERS``.

    Attributes:
        title (str): Name for people.
        folder (bool): It is a folder, not a file.
        suffix (str): Of the file.
    """

    title = ''
    folder = False
    suffix = '.json'

    @staticmethod
    def write(path: str | os.PathLike, masks: MaskFolder) -> None:
        """Write a file, or into a folder that exists and is empty."""
        raise NotImplementedError


def write_masks(path: str | os.PathLike, masks: MaskFolder, format: str) -> None:
    """Write a file or folder, whole or not at all.

    Args:
        path (str | os.PathLike): The file or folder.
        masks (MaskFolder): What to write.
        format (str): Name of the format in ``WRITERS``.

    Raises:
        ValueError: The format is unknown, or a mask does not fit its image or classes.
    """
    if format not in WRITERS.module_dict:
        raise ValueError(
            f'masks cannot be written as {format!r}, there are '
            f'{", ".join(sorted(WRITERS.module_dict))}'
        )
    entry = WRITERS.get(format)
    with (replace_folder if entry.folder else replace_file)(path) as temporary:
        entry.write(temporary, masks)
