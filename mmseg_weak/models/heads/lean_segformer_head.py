"""SegFormer's decoder with its fusion before the enlargement."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmseg.models.decode_heads import SegformerHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class LeanSegformerHead(SegformerHead):
    """mmseg's ``SegformerHead``: same keys, same result, a third of the work.

    The head enlarges every scale, concatenates them and applies a 1x1 convolution. That
    convolution mixes channels and bilinear interpolation mixes pixels, so they commute:
    here each scale is convolved by its part of the weights where it is small, and the
    enlarged results are added. Neither the concatenation nor anything as wide is stored.

    Args:
        **kwargs: As for :class:`mmseg.models.decode_heads.SegformerHead`.
    """

    @staticmethod
    def as_stock(settings: dict) -> dict:
        """Config of mmseg's head with the same weights and results."""
        return dict(settings, type='SegformerHead')

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits.

        Args:
            inputs (Sequence[Tensor]): Features of the encoder, the largest first.

        Returns:
            Tensor: Shape (N, C, h, w), the size of the first feature map.
        """
        inputs = self._transform_inputs(inputs)
        fusion = self.fusion_conv
        parts = fusion.conv.weight.split(self.channels, dim=1)
        size = tuple(inputs[0].shape[2:])
        fused = None
        for x, conv, weight in zip(inputs, self.convs, parts):
            # The bias, if any, once.
            bias = fusion.conv.bias if fused is None else None
            mixed = F.conv2d(conv(x), weight, bias)
            if tuple(mixed.shape[2:]) != size:
                mixed = resize(
                    mixed,
                    size=size,
                    mode=self.interpolate_mode,
                    align_corners=self.align_corners,
                )
            fused = mixed if fused is None else fused + mixed
        if fusion.with_norm:
            fused = fusion.norm(fused)
        if fusion.with_activation:
            fused = fusion.activate(fused)
        return self.cls_seg(fused)
