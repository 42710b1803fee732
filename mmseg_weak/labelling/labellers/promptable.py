"""A promptable model labels what was clicked."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from mmseg.structures import SegDataSample
from torch import Tensor

from ..._files import replace_file
from ..._transformers import identity
from ...constants import IGNORE_INDEX
from ...models.promptable import (
    PromptableNetwork,
    boxes_of,
    class_probabilities,
    group_clicks,
)
from ...models.seminar.consistency import image_class_mask
from ...registry import LABELLERS
from ..sources import LabelSource
from .base import Label, Labeller
from .segmentor import SegmentorLabeller

if TYPE_CHECKING:
    from ..job import Job


@LABELLERS.register_module(name=['promptable', 'PromptableLabeller'])
@dataclass
class PromptableLabeller(SegmentorLabeller):
    """SAM and its kin of transformers: masks of the clicked objects; docs/foundation.md.

    Clicks of a class are positive prompts, those of the others negative ones; boxes of a
    data set are prompts too. Segmentors may be further peers: they help to choose among the
    masks, and all are fused, restricted and refined as labels of segmentors.

    Attributes:
        model (str): Folder or hub name of the model.
        group_distance (float): Clicks of a class with gaps up to this share of the longer
            side are prompts of one mask, in [0, 1].
        rest (str): Whether what lies outside all masks is background or unknown.
        max_points (int): Largest number of positive and of negative points of a mask.
        embeddings (str, optional): Folder to keep embeddings and masks of images in.
        local_files_only (bool): Never download.

    Raises:
        ValueError: An option is out of its range, or there is no model.
    """

    model: str | None = None
    group_distance: float = 0.1
    rest: Literal['background', 'unknown'] = 'background'
    max_points: int = 10
    embeddings: str | None = None
    local_files_only: bool = False

    makes: ClassVar[str] = 'labels of a promptable model'
    aside: ClassVar[tuple[str, ...]] = ('embeddings', 'local_files_only')

    def __post_init__(self) -> None:
        Labeller.__post_init__(self)  # other peers are welcome, not needed
        if self.model is None:
            raise ValueError('PromptableLabeller: give a model, such as SAM, by --model')
        if not 0 <= self.group_distance <= 1:
            raise ValueError(f'group_distance must be in [0, 1], got {self.group_distance}')
        if self.max_points < 1:
            raise ValueError(f'max_points must be >= 1, got {self.max_points}')
        if self.rest not in ('background', 'unknown'):
            raise ValueError(f'rest must be background or unknown, got {self.rest!r}')
        self.rule()
        self._build_refinement()

    @classmethod
    def suits(cls, given) -> bool:
        """Whether a command line names a promptable model."""
        return 'model' in given

    def settings(self) -> dict[str, Any]:
        """Options, with the model by its files.

        Raises:
            FileNotFoundError, ValueError: The model cannot be read.
        """
        return dict(super().settings(), model=identity(self.model, self.local_files_only))

    def prepare(self, job: 'Job') -> None:
        """Check that there are clicks.

        Raises:
            ValueError: A data set has none.
        """
        super().prepare(job)
        job.source.require_clicks(self.makes)

    def start(self, source: LabelSource, device: str) -> None:
        """Load the networks."""
        super().start(source, device)
        self._network = self._load().to(device)
        self._store = None
        if self.embeddings is not None:
            name = identity(self.model, self.local_files_only)
            self._store = Path(self.embeddings) / _digest(name.encode())[:16]

    def _load(self) -> PromptableNetwork:
        return PromptableNetwork.from_pretrained(self.model, self.local_files_only)

    def __call__(self, index: int) -> Label:
        """Label the image at a position of the source."""
        sample, image = self._source[index]
        classes = [sample.metainfo.get('click_labels', ())]
        classes.append(sample.metainfo.get('gt_bboxes_labels', ()))
        if not (np.concatenate(classes) != self._source.background).any():
            labels = np.full(image.shape[2:], IGNORE_INDEX)
            return Label(labels, 'no click on an object')
        return super().__call__(index)

    def _probabilities(self, sample: SegDataSample, image: Tensor) -> list[Tensor]:
        """Of the promptable model, then of the peers."""
        peers = super()._probabilities(sample, image)
        size, background = tuple(image.shape[2:]), self._source.background
        exclusions = sample.get('gt_exclusions')
        groups = group_clicks(
            sample.metainfo['clicks'],
            sample.metainfo['click_labels'],
            self.group_distance * max(size),
            background,
            None if exclusions is None else exclusions.cpu().numpy(),
            boxes_of(sample.metainfo),
        )
        path = self._store and self._store / _image_digest(image)
        known = _load(path, '.masks.pt', image.device) or {}
        before = len(known)
        probs = class_probabilities(
            self._network,
            partial(self._embed, image, path),
            size,
            groups,
            len(self._source.classes),
            background if self.rest == 'background' else None,
            self.max_points,
            known,
            self._say(peers, sample),
        )
        if len(known) > before:
            stored = {k: tuple(v.cpu() for v in offer) for k, offer in known.items()}
            _save(path, '.masks.pt', stored)
        return [probs, *peers]

    def _say(self, peers: list[Tensor], sample: SegDataSample) -> Tensor | None:
        """What other peers say of the classes of an image, (C, H, W)."""
        if not peers:
            return None
        background = self._source.background
        classes = image_class_mask([sample], peers[0].shape[1], background)
        return self.rule(background).combine(peers, classes.to(peers[0].device))[0]

    def _embed(self, image: Tensor, path: Path | None) -> tuple[Tensor, ...]:
        """Embeddings from the folder, or computed; of half precision in both cases."""
        found = _load(path, '.pt', image.device)
        if found is None:
            found = [value.half() for value in self._network.embed(image)]
            _save(path, '.pt', [value.cpu() for value in found])
        return tuple(value.float() for value in found)


def _load(path: Path | None, suffix: str, device: torch.device) -> Any:
    """What is stored of an image; None where there is nothing whole, or no folder."""
    if path is None or not (file := path.with_name(path.name + suffix)).exists():
        return None
    try:
        found = torch.load(file, map_location=device, weights_only=True)
    except Exception:  # damaged: made again
        return None
    parts = found.values() if isinstance(found, dict) else [found]
    whole = all(
        isinstance(p, (list, tuple)) and all(map(torch.is_tensor, p)) for p in parts
    )
    return found if whole else None


def _save(path: Path | None, suffix: str, content: Any) -> None:
    if path is not None:
        with replace_file(path.with_name(path.name + suffix)) as temporary:
            torch.save(content, temporary)


def _image_digest(image: Tensor) -> str:
    pixels = (image * 255).round().byte().cpu().numpy()
    return _digest(repr(pixels.shape).encode() + pixels.tobytes())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
