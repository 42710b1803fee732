"""The prediction transfer network: does a mask fit the object under it?"""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

SLOPE = 0.2


@MODELS.register_module()
class PredictionNetwork(BaseModule):
    """P-Net, a discriminator of one category's mask, whatever the category.

    Six 3x3 convolutions in three pairs with pooling between, and three fully connected
    layers, from scratch (`Transferable Semi-supervised Semantic Segmentation
    <https://arxiv.org/abs/1711.06828>`_; widths are our reading). A grid of means before
    the linear layers lets images of any size in.

    Args:
        channels (Sequence[int]): Of the three pairs. Defaults to (32, 64, 64).
        hidden (Sequence[int]): Of the first two linear layers. Defaults to (128, 64).
        grid (int): Cells per side before them, >= 1. Defaults to 4.
        init_cfg (dict, optional): Initialisation. Defaults to Kaiming.

    Raises:
        ValueError: There are not three pairs and two hidden layers.
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 64),
        hidden: Sequence[int] = (128, 64),
        grid: int = 4,
        init_cfg: dict | list | None = None,
    ) -> None:
        init_cfg = init_cfg or dict(
            type='Kaiming', layer=['Conv2d', 'Linear'], a=SLOPE, nonlinearity='leaky_relu'
        )
        super().__init__(init_cfg)
        if len(channels) != 3 or len(hidden) != 2 or grid < 1:
            raise ValueError(
                'PredictionNetwork: channels must be three numbers, hidden two and grid >= '
                f'1, got {channels}, {hidden} and {grid}'
            )
        layers, width = [], 3
        for i, wide in enumerate(channels):
            layers += [nn.MaxPool2d(2, ceil_mode=True)] if i else []
            layers += _convolution(width, wide) + _convolution(wide, wide)
            width = wide
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(grid), nn.Flatten())
        self.classifier = nn.Sequential(
            nn.Linear(width * grid * grid, hidden[0]),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Linear(hidden[0], hidden[1]),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Linear(hidden[1], 1),
        )

    def forward(self, masked: Tensor) -> Tensor:
        """Logits that the masks are real ones.

        Args:
            masked (Tensor): Images times the mask of one category, shape (K, 3, h, w).

        Returns:
            Tensor: Shape (K,).
        """
        return self.classifier(self.features(masked))[:, 0]

    def judge(self, masked: Tensor) -> Tensor:
        """As ``forward``, without gradients for the network's own weights."""
        frozen = {name: p.detach() for name, p in self.named_parameters()}
        return torch.func.functional_call(self, frozen, (masked,))


def _convolution(width: int, wide: int) -> list[nn.Module]:
    return [nn.Conv2d(width, wide, 3, padding=1), nn.LeakyReLU(SLOPE, inplace=True)]
