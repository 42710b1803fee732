"""How much of each photograph each class covers."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .._files import replace_file
from ..datasets.mask_files import read_mask


def write_areas(
    path: str | os.PathLike, masks: Mapping[str, Path], classes: Sequence[str]
) -> None:
    """Write a CSV with a row for each photograph.

    The columns are ``photo``, ``pixels``, and for each class its pixels and its share in
    per cent, such as ``cat`` and ``cat %``.

    Args:
        path (str | os.PathLike): The file to write.
        masks (Mapping): Photograph to the PNG of its mask; absent ones are left out.
        classes (Sequence[str]): Names of the values of the masks.
    """
    columns = [column for name in classes for column in (name, f'{name} %')]
    with (
        replace_file(path) as temporary,
        open(temporary, 'w', newline='', encoding='utf-8') as file,
    ):
        table = csv.writer(file)
        table.writerow(['photo', 'pixels', *columns])
        for photo, mask in masks.items():
            if not mask.is_file():
                continue
            counts = np.bincount(read_mask(mask).ravel(), minlength=len(classes))
            shares = [(n, f'{100 * n / counts.sum():.3f}') for n in counts[: len(classes)]]
            table.writerow(
                [photo, counts.sum(), *(cell for pair in shares for cell in pair)]
            )
