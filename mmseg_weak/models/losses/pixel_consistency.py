"""Cross-entropy of the student to the teacher, of all pixels or apart by confidence."""

from typing import Literal

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..._ranges import NonNegative, Share, check_ranges
from .reduction import WeightedLoss, global_denominator


@MODELS.register_module()
class PixelConsistencyLoss(WeightedLoss):
    r"""Pixel consistency of `Seminar Learning <https://arxiv.org/abs/2108.13393>`_.

    .. math::
        L_{pc} = \frac{1}{\max(1, |\Omega_U|)} \sum_{i \in \Omega_U} d(p_s(i), p_t(i))

    over the valid pixels :math:`\Omega_U` of the whole batch, of all ranks when
    distributed. The distance is our reading, the paper names only the loss:

    - ``mse``: squared difference of the probabilities, mean over the classes;
    - ``kl``: :math:`\sum_c p_t \log (p_t / p_s)`;
    - ``ce``: cross-entropy to the teacher's most likely class where its probability is
      above ``threshold``, 0 elsewhere (those pixels stay in the denominator, so the loss
      grows with the teacher's confidence).

    No gradient flows to the teacher.

    Args:
        mode (str): ``mse``, ``kl`` or ``ce``. Defaults to ``mse``.
        threshold (float): Confidence in [0, 1] a teacher needs; with ``mse`` and ``kl`` it
            selects pixels too. Defaults to 0.0, all pixels.
        **kwargs: Of :class:`.WeightedLoss`.

    Raises:
        ValueError: An option lies outside its range.
    """

    default_name = 'loss_consistency'

    @check_ranges
    def __init__(
        self,
        mode: Literal['mse', 'kl', 'ce'] = 'mse',
        threshold: Share = 0.0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        self.threshold = threshold

    def forward(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor,
        valid: Tensor,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Mean distance over the valid pixels.

        Args:
            student_logits (Tensor): Shape (N, C, H, W).
            teacher_logits (Tensor): Shape (N, C, H, W); ``-inf`` excludes a class.
            valid (Tensor): Bool, shape (N, H, W): unlabelled pixels outside the padding.
            weight (Tensor, optional): Pixel weights >= 0, shape (N, H, W), which count in
                the denominator. Defaults to None.

        Returns:
            Tensor: Scalar, 0 with zero gradient where nothing is valid.

        Raises:
            ValueError: Student and teacher logits differ in shape.
        """
        _check_shapes(self, student_logits, teacher_logits)
        valid = valid.to(torch.promote_types(student_logits.dtype, torch.float32))
        student_logits = student_logits.to(valid.dtype)
        teacher = teacher_logits.detach().to(valid.dtype).softmax(dim=1)
        if weight is not None:
            valid = valid * weight
        distance = self._distance(student_logits, teacher)
        if self.threshold > 0:
            distance = distance * (teacher.amax(dim=1) > self.threshold)
        # A masked mean: boolean indexing would copy and, on a GPU, wait for the count.
        total = (distance * valid).sum()
        return self.loss_weight * total / global_denominator(valid.sum())

    def _distance(self, student_logits: Tensor, teacher: Tensor) -> Tensor:
        """Distance per pixel, shape (N, H, W), of logits and teacher probabilities."""
        if self.mode == 'mse':
            return (student_logits.softmax(dim=1) - teacher).square().mean(dim=1)
        if self.mode == 'ce':
            return F.cross_entropy(student_logits, teacher.argmax(dim=1), reduction='none')
        log_student = student_logits.log_softmax(dim=1)
        return (torch.xlogy(teacher, teacher) - teacher * log_student).sum(dim=1)


@MODELS.register_module()
class DecoupledConsistencyLoss(nn.Module):
    r"""Consistency whose class part is weighted apart from its background part.

    The Kullback-Leibler distance to the teacher splits by the chain rule:

    .. math::
        \mathrm{KL}(p_t \| p_s) = \underbrace{\mathrm{KL}(b_t \| b_s)}_{\text{object or
        background}} + (1 - p_t^{bg})\,\underbrace{\mathrm{KL}(q_t \| q_s)}_{\text{which
        class}}

    with the binary distribution b = (p^bg, 1 - p^bg) and q = p / (1 - p^bg) over the
    foreground classes. When the teacher is restricted to the classes of an image, q_t is
    nearly the truth (in an image of one class it *is* the truth), while b_t carries the
    teacher's bias. This loss gives each part its own weight:
    :math:`w_b \mathrm{KL}(b_t \| b_s) + w_c (1 - p_t^{bg}) \mathrm{KL}(q_t \| q_s)`, mean
    over the valid pixels of all ranks. With both weights 1 it equals
    :class:`PixelConsistencyLoss` in mode ``kl``. It is ours, not the paper's.

    Args:
        background_weight (float): :math:`w_b \ge 0`. Defaults to 1.0.
        class_weight (float): :math:`w_c \ge 0`. Defaults to 4.0.
        background (int): Index of the background class. Defaults to 0.
        loss_name (str): Key in the loss dict. Defaults to ``'loss_consistency'``.

    Raises:
        ValueError: A weight is negative or not finite.
    """

    @check_ranges
    def __init__(
        self,
        background_weight: NonNegative = 1.0,
        class_weight: NonNegative = 4.0,
        background: int = 0,
        loss_name: str = 'loss_consistency',
    ) -> None:
        super().__init__()
        self.background_weight = background_weight
        self.class_weight = class_weight
        self.background = background
        self.loss_name = loss_name

    def forward(
        self, student_logits: Tensor, teacher_logits: Tensor, valid: Tensor
    ) -> Tensor:
        """As :meth:`PixelConsistencyLoss.forward`, without pixel weights; C >= 2."""
        _check_shapes(self, student_logits, teacher_logits)
        dtype = torch.promote_types(student_logits.dtype, torch.float32)
        student, student_classes = self._split(student_logits.to(dtype))
        teacher, teacher_classes = self._split(teacher_logits.detach().to(dtype))
        foreground = teacher[:, 1].exp()
        distance = self.background_weight * _kl(teacher, student)
        distance = distance + self.class_weight * foreground * _kl(
            teacher_classes, student_classes
        )
        valid = valid.to(dtype)
        return (distance * valid).sum() / global_denominator(valid.sum())

    def _split(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of (background, object), (N, 2, H, W), and of the classes."""
        log_p = logits.log_softmax(dim=1)
        classes = torch.cat(
            [log_p[:, : self.background], log_p[:, self.background + 1 :]], 1
        )
        # An image without objects has no class distribution: any finite one will do, its
        # weight is 0.
        foreground = classes.logsumexp(dim=1, keepdim=True).clamp(min=-1e4)
        binary = torch.cat([log_p[:, self.background : self.background + 1], foreground], 1)
        return binary, classes - foreground


def _check_shapes(loss: nn.Module, student: Tensor, teacher: Tensor) -> None:
    if student.shape != teacher.shape:
        raise ValueError(
            f'{type(loss).__name__}: student logits {tuple(student.shape)} and teacher '
            f'logits {tuple(teacher.shape)} differ in shape'
        )


def _kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL divergence over dimension 1, (N, H, W); classes with p = 0 add nothing."""
    p = log_p.exp()
    difference = torch.where(p > 0, log_p - log_q, 0)
    return (p * difference).sum(dim=1)
