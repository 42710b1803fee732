"""Losses of mmseg's decode heads on sparse labels."""

import torch
import torch.nn.functional as F
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.utils import SampleList
from torch import Tensor, nn

from ..losses import ExclusionLoss, PartialCrossEntropyLoss, gather_upsampled_logits
from ..losses.click_logits import enlarge
from ..losses.partial_cross_entropy import reads_all

# Heads with several outputs in training: where the one used for prediction stands.
MAIN_OUTPUT = {
    'DAHead': 0,
    'DDRHead': 0,
    'EncHead': 0,
    'IterativeDecodeHead': -1,
    'PIDHead': 1,
}

# Heads that make edges of the labels.
EDGE_HEADS = {'PIDHead', 'STDCHead'}


def stacked_labels(data_samples: SampleList) -> Tensor:
    """Labels of a batch, shape (N, H, W), long.

    Raises:
        ValueError: A sample has none.
    """
    if not all('gt_sem_seg' in sample for sample in data_samples):
        raise ValueError(
            'a sample has no gt_sem_seg: clicks become labels by RasterizeClicks in the '
            'training pipeline, behind all that moves pixels'
        )
    return torch.cat([sample.gt_sem_seg.data for sample in data_samples])


def stacked_exclusions(data_samples: SampleList) -> Tensor:
    """Points of a batch that say "no": image, row, column and class, long, shape (K, 4).

    Samples without ``gt_exclusions`` have none.
    """
    parts = []
    for i, sample in enumerate(data_samples):
        found = sample.get('gt_exclusions')
        if found is not None and len(found):
            parts.append(F.pad(found, (1, 0), value=i))
    device = data_samples[0].gt_sem_seg.data.device
    if not parts:  # made where it is used: to send it would wait for the device
        return torch.zeros(0, 4, dtype=torch.long, device=device)
    return torch.cat(parts).to(device)


def has_own_loss(head: nn.Module) -> bool:
    """Whether a head computes its loss otherwise than ``loss_by_feat(forward(...))``."""
    owner = next(c for c in type(head).__mro__ if 'loss' in vars(c))
    return owner.__name__ not in ('BaseDecodeHead', 'BaseCascadeDecodeHead')


def why_unfit(head: nn.Module, sparse: bool) -> str | None:
    """Why a head of mmseg cannot learn as it is configured, None if it can.

    Args:
        head (nn.Module): A decode or auxiliary head.
        sparse (bool): Whether the labels are clicks.
    """
    names = {parent.__name__ for parent in type(head).__mro__}
    losses = getattr(head, 'loss_decode', None)
    if 'DDRHead' in names and not isinstance(losses, nn.ModuleList):
        return 'it has two outputs: give it a list of two, loss_decode=[dict(…), dict(…)]'
    if sparse and 'PointHead' in names:
        return (
            'it learns points of dense masks; take the other heads of the cascade without '
            'it (type SeminarSegmentor or EncoderDecoder, one decode head)'
        )
    if sparse and names & EDGE_HEADS:
        return 'it learns edges of dense masks, which clicks do not have; leave it out'
    return None


def main_logits(head: nn.Module, output) -> Tensor:
    """The dense logits (N, C, h, w) among a head's outputs.

    Raises:
        TypeError: The head returns several outputs and is not known here.
    """
    if isinstance(output, Tensor):
        return output
    for parent in type(head).__mro__:
        if parent.__name__ in MAIN_OUTPUT:
            return output[MAIN_OUTPUT[parent.__name__]]
    raise TypeError(
        f'{type(head).__name__} returns {len(output)} outputs; a teacher needs heads with '
        'one logit map'
    )


def loss_by_clicks(head: nn.Module, output, data_samples: SampleList) -> dict:
    """Losses of a head's output, read at the labels where that gives the same value.

    Heads that keep mmseg's ``loss_by_feat`` and use nothing but
    :class:`~mmseg_weak.models.losses.PartialCrossEntropyLoss` and
    :class:`~mmseg_weak.models.losses.ExclusionLoss` never upsample their logits on a CPU,
    and once on a GPU; any other head computes its own ``loss_by_feat``.

    Args:
        head (nn.Module): A decode or auxiliary head.
        output (Tensor | tuple): What its ``forward`` returned.
        data_samples (list[SegDataSample]): Samples with click labels.

    Returns:
        dict[str, Tensor]: Loss components and ``acc_seg``, the share of labelled pixels
        that are right, in percent.

    Raises:
        ValueError: Points say "no" and the head has no loss that takes them.
    """
    losses = getattr(head, 'loss_decode', None)  # K-Net's head has those of its stages
    losses = list(losses) if isinstance(losses, nn.ModuleList) else [losses]
    _check_exclusions(head, losses, data_samples)
    standard = type(head).loss_by_feat is BaseDecodeHead.loss_by_feat
    sparse = (PartialCrossEntropyLoss, ExclusionLoss)
    if not (
        standard
        and head.sampler is None
        and all(isinstance(loss, sparse) for loss in losses)
    ):
        return head.loss_by_feat(output, data_samples)
    labels = stacked_labels(data_samples)
    size = (labels.shape[1], labels.shape[2])
    enlarged = None  # once for all losses
    if reads_all(labels, output.shape[1]):
        enlarged = enlarge(output, size, head.align_corners)
    result = {}
    for loss in losses:
        if isinstance(loss, ExclusionLoss):
            points = stacked_exclusions(data_samples)
            value = loss.forward_low_resolution(output, points, size, head.align_corners)
        elif enlarged is not None:
            value = loss(enlarged, labels, ignore_index=head.ignore_index)
        else:
            value = loss.forward_low_resolution(
                output,
                labels,
                ignore_index=head.ignore_index,
                align_corners=head.align_corners,
            )
        result[loss.loss_name] = result.get(loss.loss_name, 0) + value
    result['acc_seg'] = _click_accuracy(head, output, labels, enlarged)
    return result


def _check_exclusions(head: nn.Module, losses: list, data_samples: SampleList) -> None:
    """Refuse to pass over points that say "no"."""
    takes = any(isinstance(loss, ExclusionLoss) for loss in losses)
    if not takes and any(len(s.get('gt_exclusions', ())) for s in data_samples):
        raise ValueError(
            f'points say "no" or come from a partial vocabulary, and no loss of '
            f"{type(head).__name__} takes them: add dict(type='ExclusionLoss') to "
            'loss_decode'
        )


@torch.no_grad()
def _click_accuracy(
    head: nn.Module, logits: Tensor, labels: Tensor, enlarged: Tensor | None
) -> Tensor:
    """Share of right labelled pixels in percent, 0 where there are none."""
    if enlarged is not None:
        known = labels != head.ignore_index
        right = ((enlarged.argmax(dim=1) == labels) & known).sum()
        return 100 * right / known.sum().clamp(min=1)
    index = torch.nonzero(labels != head.ignore_index, as_tuple=True)
    size = (labels.shape[1], labels.shape[2])
    read = gather_upsampled_logits(logits, index, size, head.align_corners)
    right = (read.argmax(dim=1) == labels[index]).sum()
    return 100 * right / max(1, index[0].numel())
