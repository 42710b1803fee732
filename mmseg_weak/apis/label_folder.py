"""A folder of pseudo-labels that remembers how they were made."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from .._files import replace_file, write_json
from ..datasets.mask_files import write_mask
from ..datasets.transforms.pseudo_labels import MANIFEST, REPORT


@dataclass(frozen=True)
class LabelFolder:
    """PNGs named by image id and ``manifest.json`` with the settings they depend on.

    Attributes:
        path (Path): The folder.
        settings (dict): Everything that changes a label, in plain JSON types.
        classes (tuple[str, ...]): Class names, in the order of the ids.
        palette (np.ndarray): (n, 3) colours 0 to 255 of the classes.
    """

    path: Path
    settings: dict
    classes: tuple[str, ...]
    palette: np.ndarray

    suffix: ClassVar[str] = '.png'

    def prepare(self, overwrite: bool = False) -> None:
        """Make the folder ready, keeping labels that were made with the same settings.

        Args:
            overwrite (bool): Remove labels made with other settings. Defaults to False.

        Raises:
            ValueError: The folder holds PNGs that are not ours, or made with other settings
                without ``overwrite``, or cannot be written.
        """
        manifest = self.path / MANIFEST
        content = dict(classes=list(self.classes), settings=self.settings)
        files = list(self.path.rglob(f'*{self.suffix}'))
        kind = self.suffix[1:].upper()
        if files and not manifest.is_file():
            raise ValueError(
                f'{self.path} holds {kind}s but no {MANIFEST}, so they were not made by '
                'this tool; choose another --out'
            )
        if manifest.is_file():
            old = json.loads(manifest.read_text())
            if old == json.loads(json.dumps(content)):
                return
            if files and not overwrite:
                raise ValueError(
                    f'{self.path} holds labels made with other settings '
                    f'({", ".join(_differences(old, content))}); choose another --out, or '
                    'make them again with --overwrite'
                )
            # Before the new manifest: a kill in between must not mix old and new labels.
            for file in files:
                file.unlink()
        (self.path / REPORT).unlink(missing_ok=True)
        write_json(manifest, content)

    def file(self, image: str) -> Path:
        """File of an image."""
        return self.path / f'{image}{self.suffix}'

    def missing(self, images: Sequence[str]) -> list[int]:
        """Positions of the images that have no label yet."""
        return [i for i, image in enumerate(images) if not self.file(image).is_file()]

    def write(self, image: str, labels: np.ndarray) -> None:
        """Write a label map, (H, W) uint8, whole or not at all.

        Raises:
            ValueError: It cannot be written, for instance because the disk is full.
        """
        path = self.file(image)
        try:
            with replace_file(path) as temporary:
                write_mask(temporary, labels, self.palette)
        except OSError as error:
            raise ValueError(f'{path} cannot be written ({error})') from None


def _differences(old: dict, new: dict) -> list[str]:
    """Names of the settings that differ."""
    names = [] if old.get('classes') == new['classes'] else ['classes']
    before, after = old.get('settings', {}), json.loads(json.dumps(new['settings']))
    return names + [k for k in {**before, **after} if before.get(k) != after.get(k)]
