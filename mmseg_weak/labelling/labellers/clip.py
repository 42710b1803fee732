"""CLIP labels images by the names of their tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from mmseg.structures import SegDataSample
from torch import Tensor

from ..._transformers import identity
from ...models.cam.activation_maps import MAX_VALUE, activation_maps
from ...models.cam.tags import class_labels, stack_tags
from ...models.text import ClipNetwork
from ...registry import LABELLERS
from ..sources import LabelSource
from .cam import CAMLabeller, CamMaker

# What is often seen behind objects; names of classes are left out.
SURROUNDINGS = ('sky', 'grass', 'water', 'road', 'wall', 'floor', 'tree', 'building')


@LABELLERS.register_module(name=['clip', 'ClipLabeller'])
@dataclass
class ClipLabeller(CAMLabeller):
    """CLIP of transformers instead of a trained classifier: where is what a tag names?

    Docs/foundation.md. Each patch is compared with the tags of the image and with the
    names of surroundings; what a class gets is its activation map, and all else is as for
    ``CAMLabeller``.

    Attributes:
        clip (str): Folder or hub name of the model.
        template (str): Sentence around a name, with ``{}`` in its place.
        names (dict): Better names of classes, ``pottedplant=potted_plant``; underscores are
            read as spaces.
        surroundings (Sequence[str]): Names of what no class is.
        clip_output (bool): Compare the output of the last layer, not its values.
        local_files_only (bool): Never download.

    Raises:
        ValueError: There is no model, another network is given, or an option is out of its
            range.
    """

    clip: str | None = None
    template: str = 'a photo of a {}.'
    names: Mapping = field(default_factory=dict)
    surroundings: Sequence[str] = SURROUNDINGS
    clip_output: bool = False
    local_files_only: bool = False

    makes: ClassVar[str] = 'labels of CLIP'
    aside: ClassVar[tuple[str, ...]] = ('cams', 'local_files_only')
    map_settings: ClassVar[tuple[str, ...]] = (
        *('clip', 'data', 'scales', 'flip', 'template', 'names', 'surroundings'),
        'clip_output',
    )

    def _check_networks(self) -> None:
        if self.clip is None:
            raise ValueError('ClipLabeller: give a model by --clip')
        if self.peers:
            raise ValueError('CLIP labels alone, without other networks')
        if '{}' not in self.template:
            raise ValueError(f'template needs {{}} for the name, got {self.template!r}')

    @classmethod
    def suits(cls, given) -> bool:
        """Whether a command line names a CLIP."""
        return 'clip' in given

    def settings(self) -> dict[str, Any]:
        """Options, with the model by its files.

        Raises:
            FileNotFoundError, ValueError: The model cannot be read.
        """
        return dict(super().settings(), clip=identity(self.clip, self.local_files_only))

    def maker(self, source: LabelSource, device: str) -> 'ClipMaker':
        """Maps of one image after the other."""
        return ClipMaker(self, source, device)


class ClipMaker(CamMaker):
    """Maps of CLIP, see :class:`~mmseg_weak.labelling.labellers.cam.CamMaker`."""

    def __init__(self, labeller: ClipLabeller, source: LabelSource, device: str) -> None:
        self.source, self.device = source, device
        self.views = labeller.scales, labeller.flip
        self.background, self.align_corners = source.background, False
        self.num_foreground = len(source.classes) - (self.background is not None)
        self.names = class_labels(self.num_foreground, self.background)
        self.network = ClipNetwork.from_pretrained(
            labeller.clip, not labeller.clip_output, labeller.local_files_only
        ).to(device)
        classes = [source.classes[i] for i in self.names.tolist()]
        unknown = sorted(set(labeller.names) - set(classes))
        if unknown:
            raise ValueError(f'names: there is no class {unknown[0]!r}')
        called = [labeller.names.get(name, name).replace('_', ' ') for name in classes]
        others = [name for name in labeller.surroundings if name not in called]
        texts = [labeller.template.format(name) for name in (*called, *others)]
        self.texts = self.network.texts(texts)

    @torch.inference_mode()
    def maps(self, index: int) -> tuple[SegDataSample, Tensor, list[Tensor], Tensor]:
        """Look at the image at a position of the source."""
        sample, image = self.source[index]
        image, count = image.to(self.device), self.num_foreground
        tags = stack_tags([sample], count, self.background)
        present = tags[0].nonzero()[:, 0].to(image.device)
        others = torch.arange(count, len(self.texts), device=image.device)
        rows = torch.cat([present, others])

        def forward(levels: Tensor) -> Tensor:
            found = self.network.shares(levels / MAX_VALUE, self.texts[rows])
            whole = found.new_zeros(len(found), count, *found.shape[2:])
            whole[:, present] = found[:, : len(present)]
            return whole

        if not len(present):
            return sample, image, [image.new_zeros(count, 1, 1)], present
        maps = activation_maps(forward, image * MAX_VALUE, *self.views)
        return sample, image, [level[0] for level in maps], present
