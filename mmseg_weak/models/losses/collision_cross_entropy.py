"""Soft self-labelling: hidden soft labels, and a cross-entropy that trusts them softly."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ..._ranges import CountOrZero, NonNegative, Positive, check_ranges
from ...constants import IGNORE_INDEX
from ...refinement.class_restriction import restrict_logits
from .image_loss import ImageCells, ImageLoss
from .potts import colour_pairs, grid_offsets, pair_views

# Log-probability of what a click excludes.
SURE = -30.0


def collision_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    r"""Negative log-probability that prediction and label agree, :math:`-\ln y^\top p`.

    `arXiv:2507.01721 <https://arxiv.org/abs/2507.01721>`_. A one-hot label gives the
    cross-entropy; a uniform one gives no gradient, where cross-entropy would teach
    uncertainty. Symmetric in both.

    Args:
        logits (Tensor): Shape (N, C, ...).
        targets (Tensor): Probabilities y, shape of the logits.

    Returns:
        Tensor: Shape (N, ...), >= 0.
    """
    tiny = torch.finfo(logits.dtype).tiny
    agreed = logits.log_softmax(dim=1) + targets.clamp(min=tiny).log()
    return -agreed.logsumexp(dim=1)


@torch.no_grad()
def soft_labels(
    logits: Tensor,
    pairs: Sequence[tuple[tuple[int, int], Tensor]],
    clicks: Tensor,
    smoothness: float = 1.0,
    num_steps: int = 10,
) -> Tensor:
    r"""Soft labels near the prediction, smooth within a colour, right at the clicks.

    Mirror descent with steps of 1 on the simplex, from the prediction p, on

    .. math:: \sum_p -\ln y_p^\top p_p
        + \lambda \sum_{pq} \tfrac{w_{pq}}{2} \|y_p - y_q\|^2

    Args:
        logits (Tensor): Shape (N, C, h, w).
        pairs (Sequence): Offsets and weights of
            :func:`~mmseg_weak.models.losses.potts.colour_pairs`.
        clicks (Tensor): Shape (N, h, w), 255 without; their labels are fixed.
        smoothness (float): :math:`\lambda \ge 0`. Defaults to 1.
        num_steps (int): Steps. Defaults to 10.

    Returns:
        Tensor: Probabilities, shape (N, C, h, w).
    """
    log_p = logits.log_softmax(dim=1)
    probs, clicked = log_p.exp(), clicks != IGNORE_INDEX
    fixed = F.one_hot(clicks.masked_fill(~clicked, 0), logits.shape[1])
    fixed = fixed.permute(0, 3, 1, 2).to(log_p)
    start = torch.where(clicked[:, None], (1 - fixed) * SURE, log_p)
    scores, labels = start, start.softmax(dim=1)
    for _ in range(num_steps):
        agreed = (labels * probs).sum(dim=1, keepdim=True)
        gradient = -probs / agreed.clamp(min=torch.finfo(agreed.dtype).tiny)
        for offset, weight in pairs:
            first, second = pair_views(labels, offset)
            flow = smoothness * weight[:, None] * (first - second)
            near, far = pair_views(gradient, offset)
            near += flow
            far -= flow
        scores = torch.where(clicked[:, None], start, scores - gradient)
        scores = scores - scores.amax(dim=1, keepdim=True)
        labels = scores.softmax(dim=1)
    return labels


@MODELS.register_module()
class CollisionCrossEntropyLoss(ImageLoss):
    """Collision cross-entropy with soft labels made of prediction, clicks and colours.

    Soft self-labelling of `arXiv:2507.01721 <https://arxiv.org/abs/2507.01721>`_ with its
    quadratic Potts term. In every step the labels are found anew, see
    :func:`soft_labels`, and the network learns from them by
    :func:`collision_cross_entropy`, mean over the valid cells without a click of all
    ranks. The clicks themselves are the head's part. Ours: few mirror steps from the
    prediction in place of the paper's solver.

    Args:
        smoothness (float): Weight >= 0 of the Potts term. Defaults to 1.0.
        num_steps (int): Steps towards the labels, >= 0. Defaults to 10.
        neighbours (int): 4 or 8. Defaults to 8.
        dilations (Sequence[int]): Distances of neighbours in cells. Defaults to (1,).
        sigma (float, optional): See :class:`PottsLoss`. Defaults to None.
        class_restriction (str, optional): ``renormalise`` or ``foreground``: labels are
            only of background and of classes that are clicked in the image, see
            :func:`~mmseg_weak.refinement.restrict_probabilities`. Defaults to None, of any.
        background (int, optional): Class that every image may show. Defaults to 0.
        **kwargs: Of :class:`ImageLoss`.

    Raises:
        ValueError: An option is out of its range.
    """

    default_name = 'loss_collision'

    @check_ranges
    def __init__(
        self,
        smoothness: NonNegative = 1.0,
        num_steps: CountOrZero = 10,
        neighbours: Literal[4, 8] = 8,
        dilations: Sequence[int] = (1,),
        sigma: Positive | None = None,
        class_restriction: Literal['renormalise', 'foreground'] | None = None,
        background: int | None = 0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.class_restriction, self.background = class_restriction, background
        self.asks_classes = class_restriction is not None
        self.smoothness, self.num_steps, self.sigma = smoothness, num_steps, sigma
        self.offsets = grid_offsets(neighbours, dilations)

    def energy(self, logits: Tensor, cells: ImageCells) -> tuple[Tensor, Tensor]:
        """See :meth:`ImageLoss.energy`."""
        pairs = colour_pairs(cells.images, cells.valid, self.offsets, self.sigma)
        known = logits.detach()
        if cells.classes is not None:
            restriction = self.class_restriction, 1.0, self.background
            known = restrict_logits(known, cells.classes, *restriction)
        labels = soft_labels(
            known, list(pairs), cells.clicks, self.smoothness, self.num_steps
        )
        counts = (cells.valid & (cells.clicks == IGNORE_INDEX)).to(logits)
        return (collision_cross_entropy(logits, labels) * counts).sum(), counts.sum()
