"""Affinities of pixel pairs from a transformer's own attention."""

import math
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

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
