"""EfficientNet-Lite: small ImageNet networks without squeeze-and-excitation."""

import math
from collections import OrderedDict
from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.models.utils import make_divisible
from mmseg.registry import MODELS
from torch import Tensor, nn

# Factors of width and depth.
ARCHS = {
    'lite0': (1.0, 1.0),
    'lite1': (1.0, 1.1),
    'lite2': (1.1, 1.2),
    'lite3': (1.2, 1.4),
    'lite4': (1.4, 1.8),
}
# Of each stage of Lite0: blocks, kernel, expansion, output channels.
STAGES = (
    (1, 3, 1, 16),
    (2, 3, 6, 24),
    (2, 5, 6, 40),
    (3, 3, 6, 80),
    (3, 5, 6, 112),
    (4, 5, 6, 192),
    (1, 3, 6, 320),
)
STEM = 32


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """EfficientNet-Lite0 to Lite4 for dense prediction.

    Tan and Le, `arXiv:1905.11946 <https://arxiv.org/abs/1905.11946>`_, in the form for
    mobile devices: ReLU6, no squeeze-and-excitation, stem and last stage of fixed size. A
    stem of stride 2 and seven stages; padding is TensorFlow's ``SAME``, so that a stride
    of 2 halves a size and rounds up.

    The published weights expect RGB with ``(x - 127) / 128``. They come with a package:
    ``init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet-lite0')``, see
    :mod:`~mmseg_weak.models.backbones.package_weights`. Files with the published names
    load as well.

    Args:
        arch (str): ``lite0`` to ``lite4``. Defaults to lite0.
        out_indices (Sequence[int]): Stages to return, 0 to 6, ascending. Defaults to
            (1, 2, 4, 6): strides 4, 8, 16, 32, and 24, 40, 112, 320 channels in Lite0.
        strides (Sequence[int]): Of the first block of each stage, 1 or 2. Defaults to the
            published ones.
        dilations (Sequence[int]): Of all blocks of each stage. Defaults to 1.
        frozen_stages (int): -1 freezes nothing, 0 the stem, i the first i stages too.
            Defaults to -1.
        norm_eval (bool): Keep the statistics of batch norm as they are. Defaults to False.
        init_cfg (dict, optional): Initialisation; Kaiming's if nothing is given.

    Raises:
        ValueError: An option is out of its range.
    """

    def __init__(
        self,
        arch: str = 'lite0',
        out_indices: Sequence[int] = (1, 2, 4, 6),
        strides: Sequence[int] = (1, 2, 2, 2, 1, 2, 1),
        dilations: Sequence[int] = (1, 1, 1, 1, 1, 1, 1),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Kaiming', layer='Conv2d'))
        _check(arch, out_indices, strides, dilations, frozen_stages)
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.stem = conv_norm(3, STEM, 3, stride=2)
        width, depth = ARCHS[arch]
        channels, self.out_channels, self.stages = STEM, [], nn.ModuleList()
        for i, (blocks, kernel, expansion, out) in enumerate(STAGES):
            if 0 < i < len(STAGES) - 1:
                blocks = math.ceil(depth * blocks)
            out = make_divisible(width * out, 8)
            stage = []
            for j in range(blocks):
                stride = strides[i] if j == 0 else 1
                options = (kernel, expansion, stride, dilations[i])
                stage.append(InvertedResidual(channels, out, *options))
                channels = out
            self.stages.append(nn.Sequential(*stage))
            self.out_channels.append(out)
        self._register_load_state_dict_pre_hook(self._rename_published)
        self._freeze()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of an image batch.

        Args:
            x (Tensor): Shape (N, 3, H, W).

        Returns:
            tuple[Tensor]: One map for each of ``out_indices``.
        """
        outputs = []
        x = self.stem(x)
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in self.out_indices:
                outputs.append(x)
        return tuple(outputs)

    def train(self, mode: bool = True) -> 'EfficientNetLite':
        """Keep what is frozen frozen."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        frozen = [self.stem, *self.stages][: self.frozen_stages + 1]
        for module in frozen:
            module.eval()
            module.requires_grad_(False)
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def _rename_published(self, state: dict, prefix: str, *_) -> None:
        """Take weights with the published names."""
        if f'{prefix}_conv_stem.weight' not in state:
            return
        names = published_names([len(stage) for stage in self.stages])
        for key in [key for key in state if key.startswith(f'{prefix}_')]:
            value = state.pop(key)
            module, _, kind = key.removeprefix(prefix).rpartition('.')
            if module in names:  # the others classify ImageNet
                state[f'{prefix}{names[module]}.{kind}'] = value


class InvertedResidual(nn.Module):
    """1x1 convolution that widens, depthwise convolution, 1x1 convolution that narrows.

    Batch norm after each, ReLU6 after the first two; the input is added where the shapes
    are the same.

    Args:
        in_channels, out_channels (int): Widths.
        kernel (int): Of the depthwise convolution.
        expansion (int): How much wider the middle is; 1 leaves out the first convolution.
        stride, dilation (int): Of the depthwise convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        expansion: int,
        stride: int,
        dilation: int,
    ) -> None:
        super().__init__()
        middle = in_channels * expansion
        self.expand = None
        if expansion > 1:
            self.expand = conv_norm(in_channels, middle, 1)
        self.depthwise = conv_norm(middle, middle, kernel, stride, dilation, groups=middle)
        self.project = conv_norm(middle, out_channels, 1, act=False)
        self.adds_input = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return x + y if self.adds_input else y


class SamePad(nn.Module):
    """Zeros around an image before a convolution of stride 2: TensorFlow's ``SAME``.

    An even side gets one pixel less at its beginning. There is no branch, so that one
    traced or exported network takes all sizes.

    Args:
        kernel (int): Of the convolution, odd.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.first, self.last = (kernel - 2) // 2, kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, C, H, W) to (N, C, H + kernel - 1 or - 2, W + ...)."""
        height, width = x.shape[2], x.shape[3]
        top, left = self.first + height % 2, self.first + width % 2
        return F.pad(x, (left, self.last, top, self.last))


def conv_norm(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    act: bool = True,
) -> nn.Sequential:
    """Convolution without bias, batch norm with the published constants, ReLU6."""
    layers = OrderedDict()
    padding = dilation * (kernel // 2)
    if stride == 2:
        layers['pad'], padding = SamePad(kernel), 0
    layers['conv'] = nn.Conv2d(
        inputs, outputs, kernel, stride, padding, dilation, groups, bias=False
    )
    layers['norm'] = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
    if act:
        layers['act'] = nn.ReLU6(inplace=True)
    return nn.Sequential(layers)


def published_names(blocks: Sequence[int]) -> dict[str, str]:
    """Module names of the published PyTorch form, and ours.

    Args:
        blocks (Sequence[int]): Number of blocks of each stage.

    Returns:
        dict[str, str]: Ours by the published ones, for the modules that have weights.
    """
    names = {'_conv_stem': 'stem.conv', '_bn0': 'stem.norm'}
    places = [(i, j) for i, count in enumerate(blocks) for j in range(count)]
    for index, (i, j) in enumerate(places):
        for k, part in enumerate(('expand', 'depthwise', 'project')):
            ours, theirs = f'stages.{i}.{j}.{part}', f'_blocks.{index}'
            names[f'{theirs}._{part}_conv'] = f'{ours}.conv'
            names[f'{theirs}._bn{k}'] = f'{ours}.norm'
    return names


def _check(arch, out_indices, strides, dilations, frozen_stages) -> None:
    stages = range(len(STAGES))
    if arch not in ARCHS:
        raise ValueError(f'EfficientNetLite: arch must be in {list(ARCHS)}, got {arch!r}')
    if not out_indices or not set(out_indices) <= set(stages):
        raise ValueError(f'EfficientNetLite: out_indices must be in 0..6: {out_indices}')
    if not -1 <= frozen_stages <= len(STAGES):
        raise ValueError(
            f'EfficientNetLite: frozen_stages must be in -1..7, got {frozen_stages}'
        )
    if len(strides) != len(STAGES) or not set(strides) <= {1, 2}:
        raise ValueError(f'EfficientNetLite: strides must be seven of 1 or 2: {strides}')
    if len(dilations) != len(STAGES) or min(dilations) < 1:
        raise ValueError(f'EfficientNetLite: dilations must be seven >= 1: {dilations}')
    for stride, dilation in zip(strides, dilations):
        if stride == 2 and dilation > 1:
            raise ValueError('EfficientNetLite: a stage with stride 2 has dilation 1')
