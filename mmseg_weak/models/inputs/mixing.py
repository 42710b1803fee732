"""Parts of one image in another, with their labels and clicks."""

from collections.abc import Sequence

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import Tensor

from ..._ranges import Share, check_ranges
from ...constants import IGNORE_INDEX
from ...refinement.heterogeneous_label import inside
from .image_values import valid_sizes


class BatchMix:
    """Base of mixers: every image gets parts of the next one of its batch.

    Of ``WeakSegDataPreProcessor(mix=dict(type=...))``, in training. Both views, the clicks
    and every other map of a sample move together; the classes of a mixed image are those of
    both. Padding is neither moved nor covered. Draws come from torch's generator.

    Args:
        prob (float): Probability in [0, 1] of mixing an image. Defaults to 1.0.

    Raises:
        ValueError: ``prob`` is out of its range.
    """

    @check_ranges
    def __init__(self, prob: Share = 1.0) -> None:
        self.prob = prob

    def choose(self, size: tuple[int, int], sample) -> Tensor:
        """Pixels of an image that go into another.

        Args:
            size (tuple[int, int]): Height H and width W of the batch.
            sample (SegDataSample): What is known of the image.

        Returns:
            Tensor: Bool, shape (H, W).
        """
        raise NotImplementedError

    def __call__(self, views: Sequence[Tensor], data_samples: SampleList) -> list[Tensor]:
        """Mix a batch.

        Args:
            views (Sequence[Tensor]): Views of the same images, each (N, 3, H, W).
            data_samples (list[SegDataSample]): Their samples, changed in place.

        Returns:
            list[Tensor]: The mixed views.
        """
        count, size = len(data_samples), tuple(views[0].shape[2:])
        device = views[0].device
        draws = torch.rand(count) < self.prob
        if count < 2 or not draws.any():
            return list(views)
        sources = [*data_samples[1:], data_samples[0]]
        masks = torch.stack([self.choose(size, source).to(device) for source in sources])
        valid = inside(valid_sizes(data_samples, size), masks)
        masks &= draws.to(device)[:, None, None] & valid & valid.roll(-1, 0)
        before = [sample.clone() for sample in data_samples]
        for i in draws.nonzero()[:, 0].tolist():
            _mix_sample(data_samples[i], before[i], before[(i + 1) % count], masks[i])
        return [torch.where(masks[:, None], view.roll(-1, 0), view) for view in views]


@MODELS.register_module()
class BatchCutMix(BatchMix):
    """A rectangle of the next image (`CutMix <https://arxiv.org/abs/1905.04899>`_).

    Its share of the image is uniform in [0, 1], its centre anywhere.

    Args:
        prob (float): See :class:`BatchMix`.
    """

    def choose(self, size: tuple[int, int], sample) -> Tensor:
        """See :meth:`BatchMix.choose`."""
        share, *centre = torch.rand(3).tolist()
        mask = torch.zeros(size, dtype=torch.bool)
        spans = []
        for side, middle in zip(size, centre):
            half = side * share**0.5 / 2
            start, stop = (round(side * middle + sign * half) for sign in (-1, 1))
            spans.append(slice(max(0, start), min(side, stop)))
        mask[tuple(spans)] = True
        return mask


@MODELS.register_module()
class BatchClassMix(BatchMix):
    """Half of the classes of the next image (`ClassMix <https://arxiv.org/abs/2007.07936>`_).

    Args:
        prob (float): See :class:`BatchMix`.

    Raises:
        ValueError: A sample has no pseudo-labels, when it is called.
    """

    def choose(self, size: tuple[int, int], sample) -> Tensor:
        """See :meth:`BatchMix.choose`."""
        if 'pseudo_sem_seg' not in sample:
            raise ValueError(
                f'{sample.metainfo.get("img_path", "a sample")} has no pseudo-label: '
                'BatchClassMix needs LoadPseudoLabels; of clicks alone, BatchCutMix'
            )
        labels = sample.pseudo_sem_seg.data[0].long()
        present = torch.zeros(IGNORE_INDEX + 1, device=labels.device)
        present.scatter_(0, labels.flatten(), 1.0)
        present[IGNORE_INDEX] = 0
        # The first half in a random order, without waiting for the device.
        draw = torch.rand(len(present)).to(labels.device) - 2 * (1 - present)
        rank = draw.argsort(descending=True).argsort()
        chosen = (rank < (present.sum() / 2).ceil()) & (present > 0)
        return chosen[labels]


def _mix_sample(
    target: SegDataSample, own: SegDataSample, other: SegDataSample, mask: Tensor
) -> None:
    """Give a sample the maps, marks and classes of both, ``other`` where the mask is."""
    for key, value in own.items():
        if isinstance(value, PixelData) and key in other:
            mixed = torch.where(mask, other.get(key).data, value.data)
            setattr(target, key, PixelData(data=mixed))
    exclusions = [sample.get('gt_exclusions') for sample in (own, other)]
    if any(rows is not None for rows in exclusions):
        target.gt_exclusions = torch.cat(
            [
                rows[mask[rows[:, 0], rows[:, 1]] == side]
                for side, rows in enumerate(exclusions)
                if rows is not None
            ]
        )
    classes = [sample.metainfo.get('image_classes') for sample in (own, other)]
    if None not in classes:
        # Of an image without classes nothing is known, nor of what it goes into.
        both = sorted({*classes[0], *classes[1]}) if all(map(len, classes)) else ()
        target.set_metainfo(dict(image_classes=tuple(both)))
    looked_for = [sample.metainfo.get('known_classes') for sample in (own, other)]
    looked_for = [set(classes) for classes in looked_for if classes is not None]
    if looked_for:
        known = tuple(sorted(set.intersection(*looked_for)))
        target.set_metainfo(dict(known_classes=known))
