"""A folder of activation maps, small enough for a whole data set."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from .._files import replace_file
from .label_folder import LabelFolder

STRIDE = 4


@dataclass(frozen=True)
class CamFolder(LabelFolder):
    """``{img_id}.npz`` of the maps of the classes present, and ``manifest.json``.

    Half precision on every fourth pixel: VOC's 10582 images take about 0.4 GB.
    """

    suffix: ClassVar[str] = '.npz'

    def write_cams(
        self, image: str, cams: np.ndarray, labels: Sequence[int], size: tuple[int, int]
    ) -> None:
        """Write the maps of an image, whole or not at all.

        Args:
            image (str): Image id.
            cams (np.ndarray): Normalised maps in [0, 1], (n, h, w).
            labels (Sequence[int]): Class index of each map.
            size (tuple[int, int]): Height and width of the image.

        Raises:
            ValueError: They cannot be written.
        """
        path = self.file(image)
        try:
            with replace_file(path) as temporary, open(temporary, 'wb') as file:
                np.savez_compressed(
                    file,
                    cams=cams.astype(np.float16),
                    labels=np.asarray(labels, np.int64),
                    size=np.asarray(size, np.int64),
                )
        except OSError as error:
            raise ValueError(f'{path} cannot be written ({error})') from None


def read_cams(folder: str | Path, image: str) -> tuple[np.ndarray, np.ndarray, tuple]:
    """Read the maps of an image.

    Args:
        folder (str | Path): See :class:`CamFolder`.
        image (str): Image id.

    Returns:
        tuple: Maps (n, h, w) float32 in [0, 1], class indices (n,), height and width of
        the image.

    Raises:
        FileNotFoundError: The image has none.
        ValueError: The file is damaged.
    """
    path = Path(folder) / f'{image}{CamFolder.suffix}'
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: image {image!r} has no stored maps; make them by '
            'tools/make_pseudo_labels.py --cams'
        )
    try:
        with np.load(path) as content:
            cams, labels, size = (content[key] for key in ('cams', 'labels', 'size'))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f'{path}: no activation maps ({error})') from None
    return cams.astype(np.float32), labels, tuple(size.tolist())
