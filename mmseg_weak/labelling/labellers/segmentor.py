"""One or several trained segmentors label an image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmseg.structures import SegDataSample
from torch import Tensor

from ...constants import IGNORE_INDEX
from ...models.heads.click_loss import stacked_exclusions
from ...models.inference.fast_convolutions import prepare_inference
from ...models.seminar.consistency import image_class_mask
from ...refinement import LabelRule, heterogeneous_label
from ...registry import LABELLERS
from ..networks import load_peer, mean_probabilities
from ..sources import LabelSource
from .base import Label, Labeller, named_refinement

if TYPE_CHECKING:
    from ..job import Job

SCALES = (0.75, 1.0, 1.25, 1.5)


@LABELLERS.register_module(name=['segmentor', 'SegmentorLabeller'])
@dataclass
class SegmentorLabeller(Labeller):
    """Probabilities of any mmseg segmentors, fused, restricted and refined.

    Definition 4 of docs/methods/seminar.md.

    Attributes:
        scales (Sequence[float]): Factors > 0 on the image size to average over.
        fusion (str): ``single`` takes the first peer, ``mean`` the mean probability,
            ``agree`` the mean where all peers agree.
        threshold (float): Least confidence of a label, in [0, 1].
        class_restriction (str): How classes the image does not hold are excluded.
        background_prior (float): Factor > 0 on the background odds.
        temperature (float): Above 1 it softens the networks' probabilities first.
        refinement (str | dict | list): ``none``, ``par``, ``crf``, ``geodesic`` or a
            registered one; several after each other, ``geodesic+crf``.
        refinement_options (dict): Of a single refinement.

    Raises:
        ValueError: An option is out of its range, or there is no peer.
    """

    scales: Sequence[float] = SCALES
    fusion: Literal['single', 'mean', 'agree'] = 'mean'
    threshold: float = 0.7
    class_restriction: Literal['none', 'renormalise', 'foreground'] = 'renormalise'
    background_prior: float = 1.0
    temperature: float = 1.0
    refinement: str | Mapping | Sequence = 'none'
    refinement_options: Mapping = field(default_factory=dict)

    makes: ClassVar[str] = 'labels of segmenters'

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.peers:
            raise ValueError('pseudo-labels need at least one peer')
        self.rule()
        self._build_refinement()

    @property
    def prior(self) -> float:
        """Factor on the background odds."""
        return self.background_prior

    def rule(self, background: int | None = 0) -> LabelRule:
        """Fusion, threshold and class restriction with a background class.

        Raises:
            ValueError: An option is out of its range, or needs a background class.
        """
        restriction = None if self.class_restriction == 'none' else self.class_restriction
        return LabelRule(
            self.fusion,
            self.threshold,
            restriction,
            self.prior,
            background,
            self.temperature,
        )

    def _build_refinement(self):
        return named_refinement(self.refinement, self.refinement_options)

    def prepare(self, job: 'Job') -> None:
        """Check that the options suit the classes."""
        self.rule(job.source.background)

    def start(self, source: LabelSource, device: str) -> None:
        """Load the networks."""
        init_default_scope('mmseg')
        self._source, self._device = source, device
        self._refine = self._build_refinement()
        self._networks = [
            prepare_inference(load_peer(peer, source.classes, device))
            for peer in self.peers
        ]

    def __call__(self, index: int) -> Label:
        """Label the image at a position of the source."""
        sample, image = self._source[index]
        image = image.to(self._device)
        return Label(self._decide(sample, image, self._probabilities(sample, image)))

    def _decide(
        self, sample: SegDataSample, image: Tensor, probs: Sequence[Tensor]
    ) -> np.ndarray:
        """Labels (H, W) from the probabilities of peers (1, C, H, W)."""
        rule = self.rule(self._source.background)
        classes = image_class_mask([sample], probs[0].shape[1], rule.background)
        clicks = torch.full((1, *image.shape[2:]), IGNORE_INDEX, device=image.device)
        exclusions = None
        if 'gt_sem_seg' in sample:  # an image of tags has no clicks
            clicks = sample.gt_sem_seg.data.to(image.device)
            exclusions = stacked_exclusions([sample]).to(image.device)
        labels, _ = heterogeneous_label(
            probs,
            classes,
            clicks,
            image,
            rule,
            self._refine,
            image_ids=[sample.img_id],
            exclusions=exclusions,
        )
        return labels[0].cpu().numpy()

    def _probabilities(self, sample: SegDataSample, image: Tensor) -> list[Tensor]:
        """Of each peer, shape (1, C, H, W)."""
        return [
            _two_classes(mean_probabilities(network, image, self.scales, self.flip))
            for network in self._networks
        ]


def _two_classes(probs: Tensor) -> Tensor:
    """Give the single output of a binary network its complement as background."""
    return torch.cat([1 - probs, probs], dim=1) if probs.shape[1] == 1 else probs
