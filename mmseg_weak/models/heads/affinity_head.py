"""Features whose distance, or attention that, tells whether cells belong together."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..affinity import neighbour_affinity


@MODELS.register_module()
class AffinityHead(BaseModule):
    """Head of AffinityNet on three depths of any backbone.

    Ahn and Kwak, CVPR 2018, `arXiv:1803.10464 <https://arxiv.org/abs/1803.10464>`_: each
    map goes through a 1x1 convolution and ELU, all are concatenated on a grid of the given
    stride, and one more 1x1 convolution mixes them.

    Args:
        in_channels (Sequence[int]): Channels of the maps.
        num_classes (int): Classes of the labels, background included; the network itself
            knows no classes.
        in_index (Sequence[int]): Which maps of the backbone. Defaults to the last three.
        channels (Sequence[int]): Channels that each map is brought to. Defaults to the
            published (64, 128, 256).
        stride (int): Pixels of a cell. Defaults to 8.
        radius (int): Cells closer than this are pairs. Defaults to 5.
        loss_decode (dict): Loss of affinities and labels. Defaults to
            ``PairAffinityLoss``.
        init_cfg (dict | list, optional): Initialisation.

    Raises:
        ValueError: Lists differ in length, or a number is out of its range.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int,
        in_index: Sequence[int] = (-3, -2, -1),
        channels: Sequence[int] = (64, 128, 256),
        stride: int = 8,
        radius: int = 5,
        loss_decode: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        mixing = dict(type='Xavier', name='mix', gain=4)
        super().__init__(init_cfg or dict(type='Kaiming', layer='Conv2d', override=mixing))
        if not len(in_channels) == len(in_index) == len(channels):
            raise ValueError(
                'AffinityHead: in_channels, in_index and channels must be as long, got '
                f'{in_channels}, {in_index}, {channels}'
            )
        if stride < 1 or radius < 2:
            raise ValueError(
                f'AffinityHead: stride must be >= 1 and radius >= 2, got {stride}, {radius}'
            )
        self.in_channels, self.in_index = in_channels, in_index
        self.num_classes = self.out_channels = num_classes
        self.stride, self.radius = stride, radius
        self.align_corners, self.threshold = False, None
        self.reduce = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 1, bias=False)
            for inputs, outputs in zip(in_channels, channels)
        )
        self.mix = nn.Conv2d(sum(channels), sum(channels), 1, bias=False)
        self.loss_decode = MODELS.build(loss_decode or dict(type='PairAffinityLoss'))

    def grid_size(self, height: int, width: int) -> tuple[int, int]:
        """Cells of an image, a last one that is not whole included."""
        return -(-height // self.stride), -(-width // self.stride)

    def forward(self, features: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Affinities on a grid.

        Args:
            features (Sequence[Tensor]): Maps of the backbone, (N, c, h', w') each.
            size (tuple[int, int]): Height h and width w of the grid.

        Returns:
            Tensor: Shape (N, P, h, w), see
            :func:`~mmseg_weak.models.affinity.neighbour_affinity`.
        """
        maps = []
        for index, reduce in zip(self.in_index, self.reduce):
            reduced = F.elu(reduce(features[index]))
            if tuple(reduced.shape[2:]) != tuple(size):
                reduced = F.interpolate(
                    reduced, size, mode='bilinear', align_corners=self.align_corners
                )
            maps.append(reduced)
        return neighbour_affinity(F.elu(self.mix(torch.cat(maps, dim=1))), self.radius)

    def loss_by_labels(
        self, features: Sequence[Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        """Loss of labels at the resolution of the image.

        Args:
            features (Sequence[Tensor]): Maps of the backbone.
            labels (Tensor): Integers, 255 where unknown, shape (N, H, W). Read at the
                centre of each cell.

        Returns:
            dict[str, Tensor]: The loss under its ``loss_name``.
        """
        size = self.grid_size(*labels.shape[1:])
        affinity = self(features, size)
        loss = self.loss_decode(affinity, self.cell_labels(labels), self.radius)
        return {self.loss_decode.loss_name: loss}

    def cell_labels(self, labels: Tensor) -> Tensor:
        """Label at the centre of each cell, (N, H, W) -> (N, h, w)."""
        for dim, cells in zip((1, 2), self.grid_size(*labels.shape[1:])):
            index = torch.arange(cells, device=labels.device) * self.stride
            index = (index + self.stride // 2).clamp(max=labels.shape[dim] - 1)
            labels = labels.index_select(dim, index)
        return labels


QueriesKeys = tuple[Tensor, Tensor]


@MODELS.register_module()
class AttentionAffinityHead(BaseModule):
    r"""Affinity head of AFA and BMP.

    Ru et al., CVPR 2022, `arXiv:2203.02664 <https://arxiv.org/abs/2203.02664>`_, Sec. 3.3:
    raw attention logits :math:`A_h = Q_h K_h^T` of the last blocks, symmetrised, through a
    1x1 convolution over heads and a sigmoid,

    .. math::
        P = \sigma\Big(b + \sum_h w_h (A_h + A_h^T)\Big)

    The sum over heads is one matrix product, :math:`\sum_h w_h Q_h K_h^T = [w_1 Q_1 ...]
    [K_1 ...]^T`, so the logits of single heads are never stored: with two blocks of eight
    heads a sixteenth of the memory.

    Args:
        num_maps (int): Heads of all blocks together, 16 for a MiT.
        init_cfg (dict, optional): Initialisation. Defaults to the published one: normal,
            of width sqrt(2 / 6).
    """

    def __init__(self, num_maps: int, init_cfg: dict | None = None) -> None:
        published = dict(
            type='Kaiming',
            layer='Conv2d',
            a=math.sqrt(5),
            mode='fan_out',
            nonlinearity='leaky_relu',
            distribution='normal',
        )
        super().__init__(init_cfg or published)
        self.num_maps = num_maps
        self.proj = nn.Conv2d(num_maps, 1, 1)

    def forward(self, attention: Sequence[QueriesKeys]) -> Tensor:
        """Predict affinities.

        Args:
            attention (Sequence): Queries and keys of each block, shape
                (N, heads, cells, dims) each, before scaling.

        Returns:
            Tensor: In (0, 1), shape (N, cells, cells), symmetric; float32 or wider.

        Raises:
            ValueError: The blocks have another number of heads.
        """
        heads = sum(queries.shape[1] for queries, _ in attention)
        if heads != self.num_maps:
            raise ValueError(
                f'AttentionAffinityHead: num_maps={self.num_maps}, but the encoder exposes '
                f'{heads} attention maps'
            )
        queries = torch.cat([pair[0] for pair in attention], dim=1)
        keys = torch.cat([pair[1] for pair in attention], dim=1)
        weight = self.proj.weight.view(1, heads, 1, 1)
        queries = queries * weight.to(queries.dtype)
        queries, keys = (x.transpose(1, 2).flatten(2) for x in (queries, keys))
        logits = queries @ keys.transpose(1, 2)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return (logits + logits.transpose(1, 2) + self.proj.bias.view(1, 1, 1)).sigmoid()
