"""A tag classifier labels images by its activation maps."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmseg.structures import SegDataSample
from torch import Tensor

from ..._files import write_json
from ..._tensors import evenly_spread
from ...constants import IGNORE_INDEX
from ...datasets.json_objects import read_object
from ...models.cam.activation_maps import SCALES, merge_maps
from ...models.cam.tags import class_labels, stack_tags
from ...models.heads.click_loss import stacked_exclusions
from ...models.inference.fast_convolutions import prepare_inference
from ...models.inputs.image_values import from_unit_rgb
from ...refinement.background_threshold import (
    NUM_BINS,
    activation_histogram,
    background_threshold,
)
from ...refinement.boundaries import strided_size
from ...refinement.cam_label import AffinityLabelRule, CamLabelRule
from ...registry import LABELLERS
from ..folder import MAP_SUFFIX, STRIDE
from ..networks import Network, load_peer
from ..sources import LabelSource
from .base import Label, Labeller, refinement_steps

if TYPE_CHECKING:
    from ..job import Job

SCORE_FILE = 'background_score.json'
# Images that the background score is chosen from, evenly spread over the data set.
NUM_SCORE_IMAGES = 500
# Power of the background score that the affinity walk starts from, as published.
WALK_POWER = 16.0


@LABELLERS.register_module(name=['cam', 'CAMLabeller'])
@dataclass
class CAMLabeller(Labeller):
    """Activation maps of a CAMSegmentor; background competes with the classes present.

    Docs/tags.md, "Labels".

    Attributes:
        scales (Sequence[float]): Factors > 0 on the image size to average over.
        background_score (float | str, optional): Constant in [0, 1], or ``li`` or ``otsu``:
            chosen from the activations without ground truth. ``li`` unless given.
        background_power (float, optional): Background is 1 - the strongest class, to this
            power, instead of a constant. With ``affinity_walk`` 16 unless given.
        threshold (float): Least share of a label's score of all scores, in [0, 1].
        refinement (str | dict | list): See ``SegmentorLabeller``.
        refinement_options (dict): Of the refinement.
        walk (bool): Random walk to the boundaries of the image after the refinement.
        boundary (str, optional): Of the walk: ``gradient`` (unless given), or a folder of
            ``{img_id}.npy`` maps in [0, 1].
        affinity_labels (tuple[float, float], optional): Labels to train an affinity network
            with: classes and background that are sure at two powers of the background
            score, published 4 32; take ``crf``.
        affinity_walk (Network, optional): Walk along the affinities of a trained one,
            before the refinement.
        cams (str, optional): Folder to store the maps in, at stride 4 and half precision.

    Raises:
        FileNotFoundError: A file of the affinity network or a folder does not exist.
        ValueError: An option is out of its range, or has no effect beside another.
    """

    scales: Sequence[float] = SCALES
    background_score: float | str | None = None
    background_power: float | None = None
    threshold: float | None = None
    refinement: str | Mapping | Sequence = 'none'
    refinement_options: Mapping = field(default_factory=dict)
    walk: bool = False
    boundary: str | None = None
    affinity_labels: tuple[float, float] | None = None
    affinity_walk: Network | None = None
    cams: str | None = None

    makes: ClassVar[str] = 'labels of activation maps'
    aside: ClassVar[tuple[str, ...]] = ('cams',)
    # What stored maps depend on.
    map_settings: ClassVar[tuple[str, ...]] = ('peers', 'data', 'scales', 'flip')

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_networks()
        if self.affinity_walk is not None:
            self.affinity_walk = Network.of(self.affinity_walk)
        self._check_together()
        self.rule = self._build_rule()

    def _check_networks(self) -> None:
        if len(self.peers) != 1:
            raise ValueError('a CAMSegmentor labels alone, without other peers')

    def maker(self, source: LabelSource, device: str) -> 'CamMaker':
        """Maps of one image after the other, in one process."""
        return CamMaker(self, source, device)

    def _check_together(self) -> None:
        """Refuse options that would be ignored beside others."""
        given = {name for name, value in vars(self).items() if value is not None}
        if {'cams', 'long_side'} <= given:
            raise ValueError('cams stores maps at the size of the images: no long_side')
        if 'boundary' in given and not self.walk:
            raise ValueError('boundary is that of walk, which is not given')
        if {'background_score', 'background_power'} <= given:
            raise ValueError('give background_score or background_power, not both')
        if {'affinity_labels', 'affinity_walk'} <= given:
            raise ValueError(
                'an affinity network is trained on affinity_labels before affinity_walk '
                'can use it; give one of both'
            )
        if {'background_score', 'affinity_walk'} <= given:
            raise ValueError(
                'background_score has no effect with affinity_walk, which starts from '
                'background_power'
            )
        for name in ('threshold', 'background_score', 'background_power'):
            if {'affinity_labels', name} <= given:
                raise ValueError(
                    f'{name} has no effect on affinity_labels, whose two powers say what '
                    'is sure'
                )

    def _build_rule(self) -> CamLabelRule:
        steps, power = [], self.background_power
        if self.affinity_walk is not None:
            steps.append(dict(type='affinity_walk', **self.affinity_walk._asdict()))
            power = power or WALK_POWER
        steps += refinement_steps(self.refinement, self.refinement_options)
        if self.walk:
            steps.append(dict(type='random_walk', boundary=self.boundary or 'gradient'))
        if self.affinity_labels is not None:
            low, high = self.affinity_labels
            return AffinityLabelRule(
                background_power=low, high_power=high, steps=tuple(steps)
            )
        score = 'li' if self.background_score is None else self.background_score
        return CamLabelRule(score, power, tuple(steps), self.threshold or 0.0)

    def prepare(self, job: 'Job') -> None:
        """Prepare the folder of maps, and choose the background score.

        Raises:
            ValueError: The images have no classes, or the folder holds other maps.
        """
        job.source.require_classes(self.makes)
        self.rule = replace(self.rule, background=job.source.background or 0)
        self.store = None
        if self.cams is not None:
            settings = {key: job.folder.settings[key] for key in self.map_settings}
            self.store = replace(
                job.folder, path=Path(self.cams), settings=settings, suffix=MAP_SUFFIX
            )
            job.add_output(self.store)
        self.score = choose_background_score(job, self.rule)

    def start(self, source: LabelSource, device: str) -> None:
        """Load the network."""
        self._maps = self.maker(source, device)
        self._steps = self.rule.build_steps()

    def __call__(self, index: int) -> Label:
        """Label the image at a position of the source and, if asked to, store its maps."""
        make = self._maps
        sample, image, maps, present = make.maps(index)
        size, labels = tuple(image.shape[2:]), make.names.to(present.device)[present]
        result = self._label(sample, image, make.merged(maps, present, size), labels)
        if self.store is not None:
            strided = make.merged(maps, present, strided_size(size, STRIDE)).cpu().numpy()
            self.store.write_maps(sample.img_id, strided, labels.tolist(), size)
        return Label(result.cpu().numpy())

    def _label(
        self, sample: SegDataSample, image: Tensor, cams: Tensor, labels: Tensor
    ) -> Tensor:
        more = (self.score, self._steps, sample.img_id)
        result = self.rule.label(image, cams, labels, *more)
        if 'gt_sem_seg' in sample:  # clicks of a ClickDataset
            clicks = sample.gt_sem_seg.data[0].to(result)
            result = torch.where(clicks == IGNORE_INDEX, result, clicks)
            _, row, column, no = stacked_exclusions([sample]).to(result.device).T
            denied = result[row, column] == no
            result[row[denied], column[denied]] = IGNORE_INDEX
        return result

    def finish(self, job: 'Job') -> dict[str, Any]:
        """Tell the background score."""
        return dict(background_score=self.score)


class CamMaker:
    """Activation maps of one image after the other in one process.

    Args:
        labeller (CAMLabeller): Network, scales and flip.
        source (LabelSource): The images.
        device (str): Where the network runs.
    """

    def __init__(self, labeller: CAMLabeller, source: LabelSource, device: str) -> None:
        init_default_scope('mmseg')
        self.source, self.device = source, device
        self.views = labeller.scales, labeller.flip
        network = load_peer(labeller.peers[0], source.classes, device)
        self.network = prepare_inference(network)
        head = network.decode_head
        self.names = class_labels(head.num_foreground, head.background)
        self.align_corners = network.align_corners

    @torch.inference_mode()
    def maps(self, index: int) -> tuple[SegDataSample, Tensor, list[Tensor], Tensor]:
        """Look at the image at a position of the source.

        Returns:
            tuple: Its sample; the image, RGB in [0, 1], (1, 3, H, W); the maps of all
            classes (C, h, w) of each scale; the columns of those present.
        """
        sample, image = self.source[index]
        image, head = image.to(self.device), self.network.decode_head
        tags = stack_tags([sample], head.num_foreground, head.background)
        inputs = from_unit_rgb(image, self.network.data_preprocessor)
        maps, _ = self.network.activations(inputs, *self.views)
        present = tags[0].nonzero()[:, 0].to(image.device)
        return sample, image, [level[0] for level in maps], present

    def merged(self, maps: list[Tensor], present: Tensor, size: tuple[int, int]) -> Tensor:
        """Normalised maps of the classes present, shape (n, H, W)."""
        return merge_maps(maps, present, tuple(size), self.align_corners)


class HistogramMaker:
    """Counts activations at every fourth pixel."""

    def __init__(self, labeller: CAMLabeller, source: LabelSource, device: str) -> None:
        self.make = labeller.maker(source, device)

    def __call__(self, index: int) -> np.ndarray:
        """Histogram of the image at a position of the source."""
        _, image, maps, present = self.make.maps(index)
        size = strided_size(image.shape[2:], STRIDE)
        return activation_histogram(self.make.merged(maps, present, size).cpu().numpy())


def choose_background_score(job: 'Job', rule: CamLabelRule) -> float | None:
    """The constant that background competes with, chosen once for a folder of labels.

    Args:
        job (Job): Its ranks share the work; an earlier choice with the same settings is
            taken.
        rule (CamLabelRule): How it is chosen.

    Returns:
        float | None: In [0, 1]; None if background is no constant.
    """
    if rule.background_power is not None:
        return None
    if not rule.needs_histogram:
        return float(rule.background_score)
    text = json.dumps(job.folder.settings, sort_keys=True, default=str)
    key, path = hashlib.sha256(text.encode()).hexdigest(), job.folder.path / SCORE_FILE
    earlier = job.ranks.first(lambda: read_object(path))
    if earlier.get('key') == key:
        return earlier['background_score']
    chosen = evenly_spread(len(job.source), NUM_SCORE_IMAGES)
    counts = np.zeros(NUM_BINS, np.int64)
    for found in job.map(HistogramMaker, chosen, 'background score'):
        counts += found
    counts = job.ranks.sum(counts)
    content = dict(
        background_score=background_threshold(counts, rule.background_score),
        rule=rule.background_score,
        images=len(chosen),
        key=key,
        histogram=counts.tolist(),
    )
    job.ranks.first(lambda: write_json(path, content))
    return content['background_score']
