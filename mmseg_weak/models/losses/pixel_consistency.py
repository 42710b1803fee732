"""Consistency of a student with its teacher on the unlabelled pixels."""

from typing import Literal

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ..._ranges import Share, check_ranges
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
        if student_logits.shape != teacher_logits.shape:
            raise ValueError(
                f'PixelConsistencyLoss: student logits {tuple(student_logits.shape)} and '
                f'teacher logits {tuple(teacher_logits.shape)} differ in shape'
            )
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
