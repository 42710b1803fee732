"""One folder of label maps that networks made, and one check whether it can be used."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .._messages import shortened
from ..constants import IGNORE_INDEX
from .json_objects import parse_json_object
from .mask_files import read_mask
from .messages import tell, warn

MANIFEST = 'manifest.json'
REPORT = 'report.json'  # written when all labels are
# How many names an error message lists, and how many labels are looked into.
MAX_NAMES, LOOKED_INTO = 3, 16


class PseudoLabelFolder:
    """Label maps ``{image id}.png`` with ``manifest.json``, which says what made them.

    ``mmseg-weak label`` writes such folders. Labels of another program need a
    manifest with two entries, ``{"classes": [...], "made_by": "how they came about"}``: no
    folder without one is read, for it may hold masks.

    Args:
        path (str | os.PathLike): The folder.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)

    def file(self, image: str) -> Path:
        """File of an image."""
        return self.path / f'{image}.png'

    def read(self, image: str, size: tuple[int, int]) -> np.ndarray:
        """Label map of an image.

        Args:
            image (str): Image id.
            size (tuple[int, int]): Height and width of the image.

        Returns:
            np.ndarray: (H, W) uint8, 255 unlabelled.

        Raises:
            FileNotFoundError: The image has no label.
            ValueError: It is unreadable or of another size.
        """
        path = self.file(image)
        if not path.is_file():
            raise FileNotFoundError(
                f'{path}: image {image!r} has no pseudo-label; let '
                'mmseg-weak label finish the folder'
            )
        labels = read_mask(path)
        if labels.shape != tuple(size):
            raise ValueError(
                f'{path}: pseudo-label of {labels.shape[1]}x{labels.shape[0]} pixels for '
                f'image {image!r} of {size[1]}x{size[0]}; put LoadPseudoLabels before the '
                'geometry, or make the labels again'
            )
        return labels

    def check(
        self, images: Sequence[str], classes: Sequence[str], drop: bool = False
    ) -> list[str]:
        """Check the folder before the first iteration.

        It is complete when it has a label of every image, or is finished (``report.json``
        or ``made_by``) and may lack some (``drop``).

        Args:
            images (Sequence[str]): Ids of all images.
            classes (Sequence[str]): Class names of the data set.
            drop (bool): Images without a label are left out. Defaults to False, refused.

        Returns:
            list[str]: Images that have a label.

        Raises:
            FileNotFoundError: The folder or its manifest is absent, or no image has a
                label.
            ValueError: The folder is incomplete, for other classes, or holds unknown ids.
        """
        manifest = self._manifest()
        made_for = manifest.get('classes')
        if not isinstance(made_for, list) or list(made_for) != list(classes):
            names = map(str, made_for) if isinstance(made_for, list) else ['none']
            given = shortened(', '.join(names))
            raise ValueError(
                f'{self.path / MANIFEST}: pseudo-labels for the classes {given}, the data '
                f'set has {", ".join(classes)}'
            )
        found = [image for image in images if self.file(image).is_file()]
        finished = 'made_by' in manifest or (self.path / REPORT).is_file()
        if len(found) < len(images) and not (drop and finished):
            absent = [image for image in images if not self.file(image).is_file()]
            raise ValueError(
                f'{self.path}: {len(absent)} of {len(images)} images have no pseudo-label, '
                f'such as {", ".join(absent[:MAX_NAMES])}; {self._remedy(finished)}'
            )
        if not found and images:
            raise FileNotFoundError(
                f'{self.path} holds no label of the {len(images)} images, such as '
                f'{images[0]}.png'
            )
        self._check_ids(found, classes)
        if 'made_by' in manifest:
            origin = str(manifest['made_by'])[:200]
            tell(f'pseudo-labels of {self.path} come from: {origin}')
        return found

    def _manifest(self) -> dict:
        path = self.path / MANIFEST
        if not self.path.is_dir():
            raise FileNotFoundError(
                f'{self.path}: there are no pseudo-labels yet; mmseg-weak label makes '
                'them, or mmseg-weak stages with the stages.py beside the config'
            )
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} not found: pseudo_label_dir must be a folder made by '
                'mmseg-weak label (a folder of masks is refused, for a weakly '
                'supervised training reads no masks). Labels of another program need that '
                'file with {"classes": [...], "made_by": "how they came about"}'
            )
        try:
            text = path.read_text(encoding='utf-8')
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f'{path}: unreadable ({error}); make the labels again'
            ) from None
        return parse_json_object(str(path), text, '{"classes": [...]}')

    def _remedy(self, finished: bool) -> str:
        if not finished:
            return (
                f'{self.path / REPORT} does not exist, so the labels are not finished; the '
                'same call of mmseg-weak label goes on'
            )
        return 'make labels of them, or take them out of the split list'

    def _check_ids(self, images: Sequence[str], classes: Sequence[str]) -> None:
        """Some label maps hold ids of the class list, and not only 0 and 255."""
        positions = np.linspace(0, len(images) - 1, min(LOOKED_INTO, len(images)))
        seen: set[int] = set()
        for i in positions.astype(int):
            path = self.file(images[i])
            ids = set(np.unique(read_mask(path)).tolist()) - {IGNORE_INDEX}
            if ids and max(ids) >= len(classes):
                raise ValueError(
                    f'{path}: class id {max(ids)}, the manifest names {len(classes)} '
                    f'classes (0 to {len(classes) - 1}, {IGNORE_INDEX} unlabelled)'
                )
            seen |= ids
        if len(positions) == LOOKED_INTO and len(seen) < 2:
            what = f'nothing but class {classes[seen.pop()]}' if seen else 'no class at all'
            warn(
                f'{self.path}: {len(positions)} label maps looked into hold {what}; '
                f'{IGNORE_INDEX} means unlabelled'
            )
