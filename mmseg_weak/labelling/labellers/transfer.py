"""Labels of weak classes from a foreground network and the maps of a tag classifier."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from torch import nn

from ..._ranges import CountOrZero, Share, check_options, check_ranges
from ..._tensors import evenly_spread, rgb_pixels
from ...apis.dataset_settings import single_datasets
from ...configs import read_config
from ...constants import IGNORE_INDEX
from ...datasets import StrongWeakDataset
from ...datasets.class_splits import CLASS_SPLITS
from ...models import CAMSegmentor
from ...models.cam.tags import class_labels, foreground_index
from ...models.inference.fast_convolutions import prepare_inference
from ...models.inference.peers import load_network
from ...models.inputs.image_values import from_unit_rgb
from ...refinement import (
    Diffusion,
    DiffusionOptions,
    NoAnchorError,
    refine_scores,
    superpixel_diffusion,
)
from ...registry import LABELLERS
from ...visualization.report import ReportEntry, report_html
from ...visualization.transfer_panel import transfer_panel
from ..networks import Network, mean_probabilities
from ..sources import LabelSource
from .base import Label, Labeller, named_refinement, refinement_steps
from .segmentor import SCALES

if TYPE_CHECKING:
    from ..job import Job


class TransferMaps(NamedTuple):
    """What an image is labelled by.

    Attributes:
        pixels (np.ndarray): (H, W, 3) uint8 RGB.
        foreground (np.ndarray): (H, W) M in [0, 1].
        cams (np.ndarray): (n, H, W) activation maps of the tags in [0, 1].
        classes (np.ndarray): (n,) class index of each map.
    """

    pixels: np.ndarray
    foreground: np.ndarray
    cams: np.ndarray
    classes: np.ndarray


@LABELLERS.register_module(name=['transfer', 'TransferLabeller'])
@check_ranges
@dataclass
class TransferLabeller(Labeller):
    """Superpixel diffusion of a tag classifier's seeds along a foreground network's map.

    Docs/methods/transfer.md. An image without seeds or without background anchors is
    refused. The only peer is the tag classifier.

    Attributes:
        scales (Sequence[float]): Factors > 0 on the image size to average over.
        foreground (Network): The label transfer network, one output per pixel.
        method (str): ``diffusion``, or ``cam`` for the control that thresholds the
            activation maps and uses no foreground network's map.
        diffusion (dict): Options of ``mmseg_weak.refinement.DiffusionOptions``.
        cam_threshold (float): Background below it (``cam``), in [0, 1].
        refinement (str | dict | list): Of the scores whose largest is the label: ``none``,
            ``par``, ``crf`` or a registered one; several after each other, ``par+crf``.
        refinement_options (dict): Of a single refinement.
        panels (int): Images in ``panels.html``, >= 0.

    Raises:
        ValueError: An option is unknown or out of its range, or there is not one peer.
    """

    scales: Sequence[float] = SCALES
    foreground: Network | None = None
    method: Literal['diffusion', 'cam'] = 'diffusion'
    diffusion: Mapping = field(default_factory=dict)
    cam_threshold: Share = 0.3
    refinement: str | Mapping | Sequence = 'none'
    refinement_options: Mapping = field(default_factory=dict)
    panels: CountOrZero = 0

    makes: ClassVar[str] = 'label transfer'
    aside: ClassVar[tuple[str, ...]] = ('panels',)
    flags: ClassVar[Mapping[str, str]] = dict(
        foreground='--label-transfer', method='--transfer-method'
    )
    dataset_type: ClassVar[type] = StrongWeakDataset

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.peers) != 1:
            raise ValueError(
                f'label transfer takes one tag classifier, got {len(self.peers)} networks'
            )
        if self.foreground is None:
            raise ValueError('label transfer needs a foreground network')
        self.foreground = Network.of(self.foreground)
        check_options('diffusion', DiffusionOptions, self.diffusion)
        # All of them, so that the manifest tells each.
        self.diffusion = vars(DiffusionOptions(**self.diffusion))
        refine = named_refinement(self.refinement, self.refinement_options)
        if 'clicks' in getattr(refine, 'needs', ()):
            raise ValueError(f'refinement {self.refinement} needs clicks: there are none')

    def settings(self) -> dict[str, Any]:
        """Options; without a refinement there is no such setting, as in earlier folders."""
        settings = super().settings()
        if not refinement_steps(self.refinement, self.refinement_options):
            del settings['refinement'], settings['refinement_options']
        return settings

    @classmethod
    def suits(cls, given: Collection[str]) -> bool:
        """Whether a foreground network is given."""
        return 'foreground' in given

    @property
    def data(self) -> str:
        """Config of the foreground network."""
        return self.foreground.config

    def start(self, source: LabelSource, device: str) -> None:
        """Load both networks.

        Raises:
            FileNotFoundError: A file is absent.
            ValueError: A network does not fit, or learnt from masks of weak classes.
        """
        init_default_scope('mmseg')
        self._source, self._device = source, device
        self._refine = named_refinement(self.refinement, self.refinement_options)
        foreground = _load_foreground(self.foreground)
        for part in source.parts:
            _check_supervision(self.foreground, part.dataset)
        classifier, self._tag_classes = _load_classifier(self.peers[0], source)
        self._foreground = prepare_inference(foreground.to(device))
        self._classifier = prepare_inference(classifier.to(device))

    def __call__(self, index: int) -> Label:
        """Label the image at a position of the source."""
        maps = self._maps(index)
        try:
            return Label(self._labels(index, maps, self._diffuse(maps)))
        except NoAnchorError as error:
            names = ', '.join(self._source.classes[c] for c in maps.classes)
            labels = np.full(maps.pixels.shape[:2], IGNORE_INDEX)
            return Label(labels, f'{error} (classes of the image: {names})')

    def panel(self, index: int) -> np.ndarray:
        """Picture of an image's label and of what led to it, (H, W, 3) uint8."""
        maps, diffusion = self._maps(index), None
        try:
            diffusion = self._diffuse(maps)
            labels = self._labels(index, maps, diffusion)
        except NoAnchorError:
            labels = np.full(maps.pixels.shape[:2], IGNORE_INDEX)
        return transfer_panel(
            *maps[:3], diffusion, labels, maps.classes, self._source.palette
        )

    @torch.no_grad()
    def _maps(self, index: int) -> TransferMaps:
        sample, image = self._source[index]
        image, classes = image.to(self._device), self._source.classes
        foreground = mean_probabilities(self._foreground, image, self.scales, self.flip)
        head = self._classifier.decode_head
        tags = torch.zeros(1, head.num_foreground)
        for c in sample.image_classes:
            label = self._tag_classes.index(classes[c])
            tags[0, foreground_index(label, head.num_foreground, head.background)] = 1
        maps, found, _ = self._classifier.cams(
            from_unit_rgb(image, self._classifier.data_preprocessor),
            tags,
            tuple(image.shape[2:]),
            self.scales,
            self.flip,
        )
        labels = class_labels(head.num_foreground, head.background)
        names = [self._tag_classes[i] for i in labels[found[0].cpu()]]
        return TransferMaps(
            rgb_pixels(image),
            foreground.clamp(0, 1)[0, 0].cpu().numpy(),
            maps[0].cpu().numpy(),
            np.array([classes.index(name) for name in names], int),
        )

    def _diffuse(self, maps: TransferMaps) -> Diffusion | None:
        """Solve the diffusion problem, if the method has one."""
        if self.method == 'cam':
            return None
        options = DiffusionOptions(**self.diffusion)
        return superpixel_diffusion(maps.pixels, maps.cams, maps.foreground, options)

    def _labels(
        self, index: int, maps: TransferMaps, diffusion: Diffusion | None
    ) -> np.ndarray:
        """Class indices of the data set, (H, W); without diffusion the maps decide."""
        if self._refine is not None:
            winner = self._refined(index, maps, diffusion)
        elif diffusion is not None:
            winner = diffusion.labels
        else:
            winner = maps.cams.argmax(axis=0) + 1
            winner[maps.cams.max(axis=0) < self.cam_threshold] = 0
        return np.concatenate([[self._source.background], maps.classes])[winner]

    def _refined(
        self, index: int, maps: TransferMaps, diffusion: Diffusion | None
    ) -> np.ndarray:
        """Class with the largest refined score, (H, W); 0 is background."""
        if diffusion is None:
            classes, threshold = maps.cams, self.cam_threshold
        else:
            classes = diffusion.q[diffusion.superpixels].transpose(2, 0, 1)
            threshold = self.diffusion['label_threshold']
        # Largest where no class exceeds the threshold, and one minus the strongest at 0.5.
        odds = threshold / max(1 - threshold, 1e-6)
        scores = np.concatenate([odds * (1 - classes.max(axis=0, keepdims=True)), classes])
        scores = torch.from_numpy(scores / scores.sum(axis=0).clip(1e-12)).float()
        pixels = torch.from_numpy(maps.pixels).permute(2, 0, 1).float() / 255
        refined = refine_scores(
            self._refine,
            pixels[None].to(self._device),
            scores[None].to(self._device),
            image_ids=[self._source.images[index]],
        )
        return refined[0].argmax(dim=0).cpu().numpy()

    def finish(self, job: 'Job') -> dict[str, Any]:
        """Write a page with M, seeds, superpixels, q and label of some images."""
        if not self.panels:
            return {}
        self.start(job.source, job.ranks.device(job.device))
        source, entries = job.source, []
        for i in evenly_spread(len(source), self.panels):
            tags = ', '.join(source.classes[c] for c in source.tags(i))
            entries.append(ReportEntry(f'{source.images[i]}: {tags}', self.panel(i)))
        facts = dict(folder=str(job.folder.path), method=self.method)
        page = report_html('Label transfer', facts, source.classes, source.palette, entries)
        (job.folder.path / 'panels.html').write_text(page)
        return {}


def _load_foreground(network: Network) -> nn.Module:
    model, _ = load_network(*network)
    if model.out_channels != 1:
        raise ValueError(
            f'{network.config}: a label transfer network has one output per pixel '
            f'(num_classes=2, out_channels=1), this model has {model.out_channels}'
        )
    return model


def _check_supervision(network: Network, dataset: StrongWeakDataset) -> None:
    """The masks of weak classes must not come in through the foreground network."""
    config = read_config(network.config)
    weak = {dataset.split.classes[c] for c in dataset.split.weak}
    loader = config.get('train_dataloader')
    if not loader:
        return
    for settings in single_datasets(loader.dataset, _is_strong_weak):
        names = {
            dataset.class_map.get(name, name) for name in _classes_with_masks(settings)
        }
        if seen := weak & names:
            raise ValueError(
                f'{network.config}: the network learnt from masks of '
                f'{", ".join(sorted(seen))}, which is weak here; take the one of this '
                'split (a StrongWeakDataset hides the masks of weak classes)'
            )


def _classes_with_masks(settings: Mapping) -> set[str]:
    """Classes whose masks a data set shows."""
    if _is_strong_weak(settings):
        named = CLASS_SPLITS.get(settings.get('split'), ((), ()))
        return {*settings.get('strong_classes', ()), *named[0]}
    kind = DATASETS.get(settings['type'])
    metainfo = {**getattr(kind, 'METAINFO', {}), **(settings.get('metainfo') or {})}
    return set(metainfo.get('classes') or ())


def _is_strong_weak(settings: Mapping) -> bool:
    kind = DATASETS.get(settings['type'])
    return isinstance(kind, type) and issubclass(kind, StrongWeakDataset)


def _load_classifier(
    network: Network, source: LabelSource
) -> tuple[nn.Module, tuple[str, ...]]:
    """The tag classifier and its classes, in its own order, perhaps others as well."""
    model, trained_on = load_network(*network)
    if not isinstance(model, CAMSegmentor):
        raise ValueError(
            f'{network.config}: seeds need a CAMSegmentor, got {type(model).__name__}'
        )
    classes = tuple(trained_on or source.classes)
    needed = {source.classes[c] for i in range(len(source)) for c in source.tags(i)}
    absent = sorted(needed - set(classes))
    if absent or len(classes) != model.out_channels:
        raise ValueError(
            f'{network.checkpoint} classifies {model.out_channels} classes '
            f'({", ".join(classes)}), the tags need {", ".join(absent or sorted(needed))}'
        )
    return model, classes
