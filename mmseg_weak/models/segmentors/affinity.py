"""AffinityNet: refines class activation maps along learnt affinities."""

import torch
import torch.nn.functional as F
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList, add_prefix
from torch import Tensor

from ...refinement.affinity_walk import affinity_walk
from ..declaration import WeakSegmentor
from ..heads.affinity_head import AffinityHead


@MODELS.register_module()
class AffinitySegmentor(WeakSegmentor, EncoderDecoder):
    """Any mmseg backbone with an :class:`~mmseg_weak.models.heads.AffinityHead`.

    It learns from affinity labels (see
    :class:`~mmseg_weak.refinement.cam_label.AffinityLabelRule`) that the data set gives as
    ``gt_sem_seg``, and does not segment by itself: :meth:`walk` spreads given scores.

    Args:
        *args, **kwargs: As for :class:`mmseg.models.EncoderDecoder`.

    Raises:
        ValueError: The decode head is no ``AffinityHead``.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.decode_head, AffinityHead):
            raise ValueError(
                'AffinitySegmentor needs an AffinityHead as decode_head, got '
                f'{type(self.decode_head).__name__}'
            )

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Loss of the affinities.

        Args:
            inputs (Tensor): Images, shape (N, 3, H, W).
            data_samples (list[SegDataSample]): With ``gt_sem_seg``, the affinity labels.

        Returns:
            dict[str, Tensor]: Loss components.
        """
        labels = torch.cat([sample.gt_sem_seg.data for sample in data_samples])
        losses = self.decode_head.loss_by_labels(self.extract_feat(inputs), labels)
        return add_prefix(losses, 'decode')

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Tensor:
        """Affinities of mode ``tensor``, with gradients."""
        size = self.decode_head.grid_size(*inputs.shape[2:])
        return self.decode_head(self.extract_feat(inputs), size)

    @torch.no_grad()
    def affinities(self, inputs: Tensor) -> Tensor:
        """Affinities of images.

        Args:
            inputs (Tensor): Normalised, shape (N, 3, H, W).

        Returns:
            Tensor: Shape (N, P, h, w) on the grid of the head.
        """
        size = self.decode_head.grid_size(*inputs.shape[2:])
        return self.decode_head(self.extract_feat(inputs), size)

    @torch.no_grad()
    def walk(
        self, inputs: Tensor, scores: Tensor, beta: float = 8, num_steps: int = 256
    ) -> Tensor:
        """Spread the scores of one image.

        As published: image and scores are padded by zeros to whole cells, the scores
        averaged over the cells, walked, enlarged by the stride and cropped.

        Args:
            inputs (Tensor): The normalised image, shape (1, 3, h, w).
            scores (Tensor): Shape (C, H, W); of another size than the image they are
                resized to it first, and back in the end.
            beta (float): Power of the affinities. Defaults to 8.
            num_steps (int): Steps of the walk. Defaults to 256.

        Returns:
            Tensor: Shape (C, H, W), float32.
        """
        head, (height, width) = self.decode_head, inputs.shape[2:]
        rows, columns = head.grid_size(height, width)
        whole = rows * head.stride, columns * head.stride
        pads = (0, whole[1] - width, 0, whole[0] - height)
        affinity = self.affinities(F.pad(inputs, pads))[0].float().clamp(max=1)
        sized = _resize(scores.float()[None], (height, width), antialias=True)
        small = F.avg_pool2d(F.pad(sized, pads), head.stride)[0]
        walked = affinity_walk(small, affinity, head.radius, beta, num_steps)
        walked = _resize(walked[None], whole)[..., :height, :width]
        return _resize(walked, tuple(scores.shape[1:]))[0]

    def predict(self, inputs: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Not possible without scores.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            'an affinity network refines activation maps and does not segment by itself; '
            'use mmseg-weak label, and val_dataloader=None while it trains'
        )


def _resize(maps: Tensor, size: tuple[int, int], antialias: bool = False) -> Tensor:
    """Bilinear, (N, C, H, W) to (N, C, *size)."""
    if size == tuple(maps.shape[2:]):
        return maps
    return F.interpolate(maps, size, mode='bilinear', antialias=antialias)
