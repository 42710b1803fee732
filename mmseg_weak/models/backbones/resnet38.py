"""ResNet-38, a wide residual network with 4096 output channels."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from .mxnet_params import load_resnet38_params

# Blocks of each level: input channels of the level are the output channels before it.
LEVELS = (
    # name, blocks, middle, output, stride, dilation of the first conv, of the others
    ('b2', 3, 128, 128, 2, 1, 1),
    ('b3', 3, 256, 256, 2, 1, 1),
    ('b4', 6, 512, 512, 2, 1, 1),
    ('b5', 3, 512, 1024, 1, 1, 2),
)
BOTTLENECKS = (
    # name, output channels, dropout
    ('b6', 2048, 0.3),
    ('b7', 4096, 0.5),
)


@MODELS.register_module()
class ResNet38(BaseModule):
    """Model A1 of "Wider or Deeper", as weakly supervised segmentation uses it.

    Wu, Shen, van den Hengel, `arXiv:1611.10080 <https://arxiv.org/abs/1611.10080>`_. Seven
    levels of pre-activated residual blocks; the last three are dilated, which keeps the
    output stride at 8. Parameters have the names of the public PyTorch conversions of the
    published weights, so those load as well as the MXNet file itself: give
    ``init_cfg=dict(type='Pretrained', checkpoint='x.params')``.

    Outputs, each after batch norm and ReLU:

    ===== ======== ======
    index channels stride
    ===== ======== ======
    0     128      2
    1     256      4
    2     512      8
    3     1024     8
    4     4096     8
    ===== ======== ======

    Args:
        in_channels (int): Channels of the image. Defaults to 3.
        out_indices (Sequence[int]): Which outputs to return, ascending. Defaults to (4,).
        frozen_stages (int): -1 freezes no convolution, 0 the first one (``conv1a``), 1 the
            first level (``b2``) too, as published. Defaults to 1.
        norm_frozen (bool): No batch norm learns or updates its statistics, as published.
            Defaults to True.
        dropout (bool): Channel dropout of 0.3 and 0.5 in the last two levels. Defaults to
            True.
        width_divisor (int): Divides all widths; for tests. Defaults to 1.
        init_cfg (dict, optional): Initialisation; Kaiming's if nothing is given.

    Raises:
        ValueError: An option is out of its range.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_indices: Sequence[int] = (4,),
        frozen_stages: int = 1,
        norm_frozen: bool = True,
        dropout: bool = True,
        width_divisor: int = 1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Kaiming', layer='Conv2d'))
        if not set(out_indices) <= set(range(5)) or not out_indices:
            raise ValueError(f'ResNet38: out_indices must be in 0..4, got {out_indices}')
        if frozen_stages not in (-1, 0, 1):
            raise ValueError(f'ResNet38: frozen_stages must be -1, 0 or 1: {frozen_stages}')
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_frozen = norm_frozen

        channels = 64 // width_divisor
        self.conv1a = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.levels: list[list[str]] = []
        for name, blocks, middle, out, stride, first_dilation, dilation in LEVELS:
            middle, out = middle // width_divisor, out // width_divisor
            names = [name] + [f'{name}_{i}' for i in range(1, blocks)]
            for i, block in enumerate(names):
                options = (stride, first_dilation) if i == 0 else (1, dilation)
                layer = ResidualBlock(channels, middle, out, *options, dilation)
                self.add_module(block, layer)
                channels = out
            self.levels.append(names)
        for name, out, ratio in BOTTLENECKS:
            out //= width_divisor
            layer = BottleneckBlock(channels, out, 4, ratio if dropout else 0.0)
            self.add_module(name, layer)
            channels = out
        self.bn7 = nn.BatchNorm2d(channels)
        self.train()

    def init_weights(self) -> None:
        """Initialise; a checkpoint that ends in ``.params`` is read as MXNet's format."""
        config = self.init_cfg if isinstance(self.init_cfg, dict) else {}
        path = str(config.get('checkpoint', ''))
        if path.endswith('.params'):
            load_resnet38_params(self, path)
            self._is_init = True
        else:
            super().init_weights()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of an image batch.

        Args:
            x (Tensor): Shape (N, 3, H, W).

        Returns:
            tuple[Tensor]: One map for each of ``out_indices``.
        """
        outputs = []
        x = self.conv1a(x)
        followers = [names[0] for names in self.levels[1:]] + [BOTTLENECKS[0][0]]
        for i, (names, follower) in enumerate(zip(self.levels, followers)):
            for name in names:
                x = getattr(self, name)(x)
            if i in self.out_indices:
                # What the next level makes of it first.
                outputs.append(F.relu(getattr(self, follower).bn_branch2a(x)))
        if 4 in self.out_indices:
            for name, _, _ in BOTTLENECKS:
                x = getattr(self, name)(x)
            outputs.append(F.relu(self.bn7(x)))
        return tuple(outputs)

    def train(self, mode: bool = True) -> 'ResNet38':
        """Keep what is frozen frozen."""
        super().train(mode)
        frozen = [self.conv1a] if self.frozen_stages >= 0 else []
        if self.frozen_stages >= 1:
            frozen += [getattr(self, name) for name in self.levels[0]]
        if self.norm_frozen:
            frozen += [m for m in self.modules() if isinstance(m, nn.BatchNorm2d)]
        for module in frozen:
            module.eval()
            module.requires_grad_(False)
        return self


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, each after batch norm and ReLU.

    Args:
        in_channels, middle, out_channels (int): Widths.
        stride (int): Of the first convolution and of the shortcut.
        first_dilation, dilation (int): Of the two convolutions.
    """

    def __init__(
        self,
        in_channels: int,
        middle: int,
        out_channels: int,
        stride: int,
        first_dilation: int,
        dilation: int,
    ) -> None:
        super().__init__()
        self.bn_branch2a = nn.BatchNorm2d(in_channels)
        self.conv_branch2a = conv3x3(in_channels, middle, stride, first_dilation)
        self.bn_branch2b1 = nn.BatchNorm2d(middle)
        self.conv_branch2b1 = conv3x3(middle, out_channels, 1, dilation)
        self.conv_branch1 = None
        if stride > 1 or in_channels != out_channels:
            self.conv_branch1 = conv1x1(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        activated = F.relu(self.bn_branch2a(x))
        if self.conv_branch1 is not None:
            x = self.conv_branch1(activated)
        y = self.conv_branch2a(activated)
        return x + self.conv_branch2b1(F.relu(self.bn_branch2b1(y)))


class BottleneckBlock(nn.Module):
    """1x1, dilated 3x3 and 1x1 convolution; the middle ones are a quarter and a half wide.

    Args:
        in_channels, out_channels (int): Widths.
        dilation (int): Of the 3x3 convolution.
        dropout (float): Share of channels dropped before the last two convolutions.
    """

    def __init__(
        self, in_channels: int, out_channels: int, dilation: int, dropout: float
    ) -> None:
        super().__init__()
        narrow, middle = out_channels // 4, out_channels // 2
        self.bn_branch2a = nn.BatchNorm2d(in_channels)
        self.conv_branch1 = conv1x1(in_channels, out_channels)
        self.conv_branch2a = conv1x1(in_channels, narrow)
        self.bn_branch2b1 = nn.BatchNorm2d(narrow)
        self.conv_branch2b1 = conv3x3(narrow, middle, 1, dilation)
        self.bn_branch2b2 = nn.BatchNorm2d(middle)
        self.conv_branch2b2 = conv1x1(middle, out_channels)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, in_channels, H, W) to (N, out_channels, H, W)."""
        activated = F.relu(self.bn_branch2a(x))
        y = self.conv_branch2a(activated)
        y = self.conv_branch2b1(self.dropout(F.relu(self.bn_branch2b1(y))))
        y = self.conv_branch2b2(self.dropout(F.relu(self.bn_branch2b2(y))))
        return self.conv_branch1(activated) + y


def conv3x3(inputs: int, outputs: int, stride: int, dilation: int) -> nn.Conv2d:
    """3x3 convolution that keeps the size at stride 1."""
    return nn.Conv2d(
        inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False
    )


def conv1x1(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """1x1 convolution."""
    return nn.Conv2d(inputs, outputs, 1, stride, bias=False)
