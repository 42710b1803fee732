"""SegFormer's decoder with its fusion before the enlargement; DeepLab-LargeFOV's head."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.runner import CheckpointLoader
from mmseg.models.decode_heads import SegformerHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn


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


@MODELS.register_module()
class LargeFOVHead(BaseDecodeHead):
    """fc6 as a dilated 3x3 and fc7 as a 1x1 convolution, dropout behind both.

    `DeepLab <https://arxiv.org/abs/1412.7062>`_, variant LargeFOV: 1024 channels, dilation
    12, both layers begun with a part of VGG-16's fully connected ones: every fourth of
    4,096 channels, every third of 7x7 positions.

    Args:
        dilation (int): Dilation of fc6, >= 1. Defaults to 12.
        pretrained (str, optional): Checkpoint of a VGG with torchvision's names, such as
            ``torchvision://vgg16``. Defaults to None, both layers are drawn.
        **kwargs: As for mmseg's ``BaseDecodeHead``; the published ``dropout_ratio`` is 0.5,
            ``channels`` 1024.
    """

    def __init__(self, dilation: int = 12, pretrained: str | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        if dilation < 1:
            raise ValueError(f'LargeFOVHead: dilation must be >= 1, got {dilation}')
        self.pretrained = pretrained
        dropout = nn.Dropout2d if self.dropout is not None else nn.Identity
        self.fc6 = nn.Sequential(
            nn.Conv2d(self.in_channels, self.channels, 3, 1, dilation, dilation),
            nn.ReLU(inplace=True),
            dropout(self.dropout_ratio),
        )
        # The second dropout is that of cls_seg.
        self.fc7 = nn.Sequential(
            nn.Conv2d(self.channels, self.channels, 1), nn.ReLU(inplace=True)
        )

    def init_weights(self) -> None:
        """Draw the weights, and take those of fc6 and fc7 from a VGG.

        Raises:
            ValueError: The checkpoint has no such layers, or their shapes do not fit.
        """
        first = not self.is_init
        super().init_weights()
        if self.pretrained is None or not first:
            return
        state = CheckpointLoader.load_checkpoint(self.pretrained, map_location='cpu')
        state = state.get('state_dict', state)
        try:
            fc6, fc7 = (state[f'classifier.{i}.weight'] for i in (0, 3))
            grid = fc6.unflatten(1, (self.in_channels, 7, 7))
            keep = torch.arange(self.channels) * max(1, len(fc6) // self.channels)
            self.fc6[0].weight.data.copy_(grid[keep][:, :, ::3, ::3])
            self.fc6[0].bias.data.copy_(state['classifier.0.bias'][keep])
            self.fc7[0].weight.data.copy_(fc7[keep][:, keep, None, None])
            self.fc7[0].bias.data.copy_(state['classifier.3.bias'][keep])
        except (KeyError, IndexError, RuntimeError) as error:
            raise ValueError(
                f'{self.pretrained} has no fully connected layers of a VGG for '
                f'{self.in_channels} channels: {error}'
            ) from None

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """Logits, shape (N, out_channels, h, w)."""
        features = self._transform_inputs(inputs)
        return self.cls_seg(self.fc7(self.fc6(features)))
