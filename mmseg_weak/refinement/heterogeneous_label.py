"""Probabilities of several networks become one label map (heterogeneous pseudo-labels)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .._ranges import Positive, Share, check_ranges
from ..constants import IGNORE_INDEX
from .class_restriction import move_off, normalise, restrict_logits, restrict_probabilities
from .interface import Refinement, refine_scores

FUSIONS = ('single', 'mean', 'agree')
# Half precision softmaxes exceed 1 by rounding.
MAX_PROBABILITY = 1.01


class PseudoLabel(NamedTuple):
    """Labels and what they were decided from.

    Attributes:
        labels (Tensor): Shape (N, H, W), long, 255 where there is none.
        scores (Tensor): Refined probabilities, shape (N, C, H, W), before the clicks.
    """

    labels: Tensor
    scores: Tensor


@check_ranges
@dataclass(frozen=True)
class LabelRule:
    """How probabilities become labels, or a teacher's targets; docs/methods/seminar.md.

    Attributes:
        fusion (str): ``single`` takes the first peer, ``mean`` the mean probability,
            ``agree`` the mean where all peers have the same restricted argmax, else 255.
        threshold (float): Smallest confidence of a label, in [0, 1].
        class_restriction (str, optional): ``renormalise``, ``foreground`` or None, see
            :func:`~mmseg_weak.refinement.restrict_probabilities`.
        background_prior (float): Factor > 0 on the background odds before the refinement.
        background (int, optional): Index of the background class, None if there is none.
        temperature (float): Probabilities are taken to the power 1 / temperature, > 0,
            before all else. A network that learnt long from few clicks is too sure of
            itself; above 1 a refinement can correct it.

    Raises:
        ValueError: A value lies outside its range.
    """

    fusion: str = 'mean'
    threshold: Share = 0.7
    class_restriction: Literal['renormalise', 'foreground'] | None = 'renormalise'
    background_prior: Positive = 1.0
    background: int | None = 0
    temperature: Positive = 1.0

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            raise ValueError(
                f'unknown fusion {self.fusion!r}: choose one of {", ".join(FUSIONS)}'
            )
        needs = self.class_restriction == 'foreground' or self.background_prior != 1
        if self.background is None and needs:
            raise ValueError(
                "class_restriction='foreground' and background_prior need a background "
                'class'
            )

    @property
    def _known(self) -> tuple:
        return self.class_restriction, self.background_prior, self.background

    def soften(self, probs: Tensor) -> Tensor:
        """Probabilities (N, C, H, W) to the power 1 / temperature, of sum 1."""
        if self.temperature == 1:
            return probs
        return normalise(probs.clamp(0, 1) ** (1 / self.temperature))

    def restrict(self, probs: Tensor, image_classes: Tensor) -> Tensor:
        """See :func:`~mmseg_weak.refinement.restrict_probabilities`."""
        return restrict_probabilities(probs, image_classes, *self._known)

    def combine(self, probs: Sequence[Tensor], image_classes: Tensor) -> Tensor:
        """Fuse peers (N, C, H, W), soften, and restrict to the classes (N, C) of images."""
        return self.restrict(
            self.soften(fuse_probabilities(probs, self.fusion)), image_classes
        )

    def restrict_logits(self, logits: Tensor, image_classes: Tensor) -> Tensor:
        """The same on logits: ``-inf`` where a class is excluded."""
        return restrict_logits(logits, image_classes, *self._known)


@torch.no_grad()
def heterogeneous_label(
    probs: Sequence[Tensor],
    image_classes: Tensor,
    clicks: Tensor,
    images: Tensor,
    rule: LabelRule,
    refine: Refinement | None = None,
    sizes: Tensor | None = None,
    check_values: bool = True,
    image_ids: Sequence[str] | None = None,
    exclusions: Tensor | None = None,
) -> PseudoLabel:
    """Fuse, restrict, refine, decide; clicks have the last word.

    Fuse the peers, soften, exclude the classes an image does not hold and renormalise,
    refine the boundaries and renormalise again (a refinement may have a gain), take the
    argmax, put 255 where the confidence is below the threshold or 0, and write the clicks
    on top.
    Our reading of `Seminar Learning <https://arxiv.org/abs/2108.13393>`_.

    Args:
        probs (Sequence[Tensor]): Probabilities of each peer, shape (N, C, H, W).
        image_classes (Tensor): Classes of each image, bool, shape (N, C); a row without
            any excludes nothing.
        clicks (Tensor): Labels of clicked pixels, shape (N, H, W), 255 elsewhere.
        images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
        rule (LabelRule): The options.
        refine (Callable, optional): See :func:`~mmseg_weak.refinement.build_refinement`.
        sizes (Tensor, optional): Height and width of the valid area in the top-left corner
            of each image, shape (N, 2); what lies outside is not read and gets 255.
        check_values (bool): Refuse probabilities that are not finite or outside [0, 1]; it
            waits for the device. Defaults to True.
        image_ids (Sequence[str], optional): Names of the images, for refinements that read
            a file of each. Defaults to None, unknown.
        exclusions (Tensor, optional): Points that say "not this class" as image, row,
            column and class, long, shape (K, 4): its probability moves to the others there,
            before the refinement and after it. Defaults to None.

    Returns:
        PseudoLabel: Labels and scores.

    Raises:
        ValueError: There is no peer, peers differ in their classes, shapes do not fit, or
            probabilities are not finite or no probabilities.
    """
    _check_shapes(probs, image_classes, clicks, images)
    if check_values:
        _check_values(probs)
    probs = [value.float() if value.dtype.itemsize < 4 else value for value in probs]

    exclusions = clicks.new_zeros(0, 4) if exclusions is None else exclusions
    scores = rule.combine(probs, image_classes)
    scores = move_off(scores, exclusions)
    if refine is not None:
        context = dict(clicks=clicks, image_ids=image_ids)
        scores = normalise(
            refine_scores(refine, images.to(scores), scores, sizes, **context)
        )
        scores = move_off(scores, exclusions)
    confidence, labels = scores.max(dim=1)
    keep = (confidence >= rule.threshold) & (confidence > 0)
    if rule.fusion == 'agree':
        keep &= agreement(
            [rule.restrict(rule.soften(value), image_classes) for value in probs]
        )
    labels = labels.masked_fill(~keep, IGNORE_INDEX)
    if sizes is not None:
        labels = labels.masked_fill(~inside(sizes, labels), IGNORE_INDEX)
    return PseudoLabel(torch.where(clicks != IGNORE_INDEX, clicks, labels), scores)


def fuse_probabilities(probs: Sequence[Tensor], fusion: str) -> Tensor:
    """The first peer (``single``) or the mean (``mean``, ``agree``), shape (N, C, H, W)."""
    if fusion == 'single' or len(probs) == 1:
        return probs[0]
    return torch.stack(list(probs)).mean(dim=0)


def agreement(probs: Sequence[Tensor]) -> Tensor:
    """Where all peers have the same argmax, bool, shape (N, H, W)."""
    votes = [value.argmax(dim=1) for value in probs]
    agreed = torch.ones_like(votes[0], dtype=torch.bool)
    for vote in votes[1:]:
        agreed &= vote == votes[0]
    return agreed


def inside(sizes: Tensor, labels: Tensor) -> Tensor:
    """Mask of the valid areas (N, 2) in maps like ``labels``, bool, shape (N, H, W)."""
    height, width = sizes.to(labels.device, non_blocking=True).unbind(dim=1)
    rows, columns = (torch.arange(n, device=labels.device) for n in labels.shape[1:])
    return (rows < height[:, None])[:, :, None] & (columns < width[:, None])[:, None]


def scores_with_clicks(scores: Tensor, clicks: Tensor) -> Tensor:
    """Scores (N, C, H, W) that are one-hot where ``clicks`` (N, H, W) has a label."""
    clicked = clicks != IGNORE_INDEX
    certain = F.one_hot(clicks.masked_fill(~clicked, 0), scores.shape[1])
    return torch.where(clicked[:, None], certain.permute(0, 3, 1, 2).to(scores), scores)


def _check_shapes(
    probs: Sequence[Tensor], image_classes: Tensor, clicks: Tensor, images: Tensor
) -> None:
    if not len(probs):
        raise ValueError('pseudo-labels need at least one peer')
    for i, value in enumerate(probs):
        if value.ndim != 4 or not value.is_floating_point():
            raise ValueError(
                f'peer {i}: probabilities must be floating point (N, C, H, W), got '
                f'{value.dtype} of shape {tuple(value.shape)}'
            )
        if value.shape[1] != probs[0].shape[1]:
            raise ValueError(
                f'peer {i} has {value.shape[1]} classes, peer 0 has {probs[0].shape[1]}'
            )
    n, c, h, w = probs[0].shape
    expected = [
        (f'probabilities of peer {i}', p, (n, c, h, w)) for i, p in enumerate(probs)
    ]
    expected += [
        ('image_classes', image_classes, (n, c)),
        ('clicks', clicks, (n, h, w)),
        ('images', images, (n, 3, h, w)),
    ]
    for name, value, shape in expected:
        if tuple(value.shape) != shape:
            raise ValueError(f'{name} must be {shape}, got {tuple(value.shape)}')


def _check_values(probs: Sequence[Tensor]) -> None:
    for i, value in enumerate(probs):
        if not ((value >= 0) & (value <= MAX_PROBABILITY)).all():
            raise ValueError(
                f'peer {i}: probabilities are not finite or not in [0, 1]; did its '
                'training diverge, or are these logits?'
            )
