"""The head of DeepLab-LargeFOV."""

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class LargeFOVHead(BaseDecodeHead):
    """fc6 as a dilated 3x3 and fc7 as a 1x1 convolution, dropout behind both.

    `DeepLab <https://arxiv.org/abs/1412.7062>`_, variant LargeFOV: 1024 channels, dilation
    12.

    Args:
        dilation (int): Dilation of fc6, >= 1. Defaults to 12.
        **kwargs: As for mmseg's ``BaseDecodeHead``; the published ``dropout_ratio`` is 0.5,
            ``channels`` 1024.
    """

    def __init__(self, dilation: int = 12, **kwargs) -> None:
        super().__init__(**kwargs)
        if dilation < 1:
            raise ValueError(f'LargeFOVHead: dilation must be >= 1, got {dilation}')
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

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """Logits, shape (N, out_channels, h, w)."""
        features = self._transform_inputs(inputs)
        return self.cls_seg(self.fc7(self.fc6(features)))
