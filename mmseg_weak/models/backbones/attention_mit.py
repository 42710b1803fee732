"""SegFormer's encoder that can show its attention."""

import re
from collections.abc import Callable

import torch
import torch.nn.functional as F
import torch.utils.checkpoint as checkpointing
from mmseg.models.backbones import MixVisionTransformer
from mmseg.models.backbones.mit import EfficientMultiheadAttention
from mmseg.models.utils import nchw_to_nlc, nlc_to_nchw
from mmseg.registry import MODELS
from torch import Tensor, nn

# Of layer norms in patch embeddings and in the reduction of keys and values.
PUBLISHED_EPS = 1e-5


@MODELS.register_module()
class AttentionMixVisionTransformer(MixVisionTransformer):
    """mmseg's ``MixVisionTransformer`` for pixel affinities, with its keys.

    - Attention runs by ``scaled_dot_product_attention``: no attention matrix is stored.
    - :meth:`forward_with_attention` also returns queries and keys of the last blocks, from
      which :class:`~mmseg_weak.models.heads.AttentionAffinityHead` predicts affinities.
    - Public SegFormer weights (``mit_b*.pth``) load like mmseg's own.
    - Layer norms of patch embeddings and of the reduction in the attention have the
      published eps of 1e-5; mmseg's have 1e-6. It makes no difference that one would see,
      unless all channels of a token are nearly equal.

    Args:
        *args: As for :class:`mmseg.models.MixVisionTransformer`.
        strides (Sequence[int]): Strides of the patch embeddings. Defaults to (4, 2, 2, 1)
            for a final stride of 16, as AFA and BMP have it.
        num_exposed (int): How many of the last blocks show queries and keys, 1 to the
            number of blocks of the last stage. Defaults to 2.
        freeze_norms (bool): Keep all layer norms as they were trained, as AFA and BMP do.
            Defaults to False.
        **kwargs: As for :class:`mmseg.models.MixVisionTransformer`.

    Raises:
        ValueError: ``num_exposed`` is out of its range.
    """

    def __init__(
        self,
        *args,
        strides: tuple[int, ...] = (4, 2, 2, 1),
        num_exposed: int = 2,
        freeze_norms: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(*args, strides=strides, **kwargs)
        last = len(self.layers[-1][1])
        if not 1 <= num_exposed <= last:
            raise ValueError(
                'AttentionMixVisionTransformer: num_exposed must be in '
                f'1..{last}, the blocks of the last stage, got {num_exposed}'
            )
        self.num_exposed = num_exposed
        for embed, blocks, _ in self.layers:
            reductions = [b.attn.norm for b in blocks if b.attn.sr_ratio > 1]
            for norm in (embed.norm, *reductions):
                norm.eps = PUBLISHED_EPS
        if freeze_norms:
            for module in self.modules():
                if isinstance(module, nn.LayerNorm):
                    module.requires_grad_(False)
        self._register_load_state_dict_pre_hook(self._convert_keys)

    @staticmethod
    def as_stock(settings: dict) -> dict:
        """Config of mmseg's encoder with the same weights and results."""
        own = ('num_exposed', 'freeze_norms')
        kept = {k: v for k, v in settings.items() if k not in own}
        return dict(strides=(4, 2, 2, 1)) | kept | dict(type='MixVisionTransformer')

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of each stage, shape (N, D_i, h_i, w_i)."""
        return self.forward_with_attention(x)[0]

    def forward_with_attention(
        self, x: Tensor
    ) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
        """Features, and queries and keys of the last blocks.

        Args:
            x (Tensor): Images, shape (N, 3, H, W).

        Returns:
            tuple: Features as from ``forward``; for each exposed block its queries and
            keys, shape (N, heads, cells, dims) each.
        """
        outs, attentions = [], []
        for i, (embed, blocks, norm) in enumerate(self.layers):
            x, hw_shape = embed(x)
            attentions = []
            for block in blocks:
                x, attention = self._run(block, x, hw_shape)
                attentions.append(attention)
            x = nlc_to_nchw(norm(x), hw_shape)
            if i in self.out_indices:
                outs.append(x)
        return outs, attentions[-self.num_exposed :]

    def _run(self, block: nn.Module, x: Tensor, hw_shape: tuple[int, int]):
        if self.with_cp and x.requires_grad:
            return checkpointing.checkpoint(
                run_block, block, x, hw_shape, use_reentrant=False
            )
        return run_block(block, x, hw_shape)

    @staticmethod
    @torch.no_grad()
    def _convert_keys(state_dict: dict, prefix: str, *_) -> None:
        """Rename SegFormer's weights in place, before they are loaded."""
        if not is_segformer(state_dict, prefix):
            return
        own = {k: v for k, v in state_dict.items() if k.startswith(prefix)}
        for key in own:
            del state_dict[key]
        state_dict.update(to_mmseg_keys(own, prefix))


def efficient_attention(
    module: EfficientMultiheadAttention,
    x: Tensor,
    hw_shape: tuple[int, int],
    identity: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """What mmseg's module computes, without storing the attention matrix.

    Args:
        module (EfficientMultiheadAttention): Owner of the weights.
        x (Tensor): Tokens, shape (N, L, D).
        hw_shape (tuple[int, int]): Height and width of the grid, L = h w.
        identity (Tensor, optional): Added to the result. Defaults to None, ``x``.

    Returns:
        tuple: Tokens (N, L, D), and queries (N, heads, L, D / heads) and keys
        (N, heads, L', D / heads), whose product is the raw attention logits.
    """
    source = x
    if module.sr_ratio > 1:
        source = nchw_to_nlc(module.sr(nlc_to_nchw(x, hw_shape)))
        source = module.norm(source)
    attention = module.attn
    width, heads = attention.embed_dim, attention.num_heads
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    q_bias, kv_bias = (None, None) if bias is None else bias.split([width, 2 * width])
    queries = _heads(F.linear(x, weight[:width], q_bias), heads)
    keys, values = F.linear(source, weight[width:], kv_bias).chunk(2, dim=2)
    keys, values = _heads(keys, heads), _heads(values, heads)
    dropout = attention.dropout if module.training else 0.0
    mixed = F.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout)
    mixed = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    out = module.dropout_layer(module.proj_drop(mixed))
    return (x if identity is None else identity) + out, (queries, keys)


def run_block(
    block: Callable, x: Tensor, hw_shape: tuple[int, int]
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """One encoder layer of SegFormer by :func:`efficient_attention`."""
    x, attention = efficient_attention(block.attn, block.norm1(x), hw_shape, identity=x)
    return block.ffn(block.norm2(x), hw_shape, identity=x), attention


def _heads(tokens: Tensor, heads: int) -> Tensor:
    return tokens.unflatten(2, (heads, -1)).transpose(1, 2)


# Pattern of SegFormer's name and mmseg's; {i} counts stages from 0.
_RENAMES = (
    (r'patch_embed(\d)\.proj\.(\w+)', 'layers.{i}.0.projection.{0}'),
    (r'patch_embed(\d)\.norm\.(\w+)', 'layers.{i}.0.norm.{0}'),
    (r'block(\d)\.(\d+)\.norm(\d)\.(\w+)', 'layers.{i}.1.{0}.norm{1}.{2}'),
    (r'block(\d)\.(\d+)\.attn\.proj\.(\w+)', 'layers.{i}.1.{0}.attn.attn.out_proj.{1}'),
    (r'block(\d)\.(\d+)\.attn\.(sr|norm)\.(\w+)', 'layers.{i}.1.{0}.attn.{1}.{2}'),
    (r'block(\d)\.(\d+)\.mlp\.fc1\.(\w+)', 'layers.{i}.1.{0}.ffn.layers.0.{1}'),
    (r'block(\d)\.(\d+)\.mlp\.dwconv\.dwconv\.(\w+)', 'layers.{i}.1.{0}.ffn.layers.1.{1}'),
    (r'block(\d)\.(\d+)\.mlp\.fc2\.(\w+)', 'layers.{i}.1.{0}.ffn.layers.4.{1}'),
    (r'norm(\d)\.(\w+)', 'layers.{i}.2.{0}'),
)
_QUERY = re.compile(r'block(\d)\.(\d+)\.attn\.q\.(weight|bias)')
_MLP = re.compile(r'\.(fc1|fc2)\.weight$')


def is_segformer(state: dict[str, Tensor], prefix: str = '') -> bool:
    """Whether weights have SegFormer's names."""
    return f'{prefix}patch_embed1.proj.weight' in state


def to_mmseg_keys(state: dict[str, Tensor], prefix: str = '') -> dict[str, Tensor]:
    """Rename weights; queries, keys and values become one matrix, linear layers 1x1 convs.

    Args:
        state (dict[str, Tensor]): Weights with SegFormer's names after ``prefix``.
        prefix (str): Beginning of the names to convert. Defaults to ''.

    Returns:
        dict[str, Tensor]: The converted weights, with ``prefix``. Weights of the ImageNet
        classifier (``head``) are left out.

    Raises:
        ValueError: A name is unknown.
    """
    converted = {}
    for key, value in state.items():
        name = key.removeprefix(prefix)
        if not key.startswith(prefix) or re.match(r'head\.|.*\.attn\.kv\.', name):
            continue
        query = _QUERY.fullmatch(name)
        if query:
            stage, block, kind = query.groups()
            kv = state[f'{prefix}block{stage}.{block}.attn.kv.{kind}']
            name = f'layers.{int(stage) - 1}.1.{block}.attn.attn.in_proj_{kind}'
            converted[prefix + name] = torch.cat([value, kv])
            continue
        if _MLP.search(name):
            value = value[:, :, None, None]
        converted[prefix + _rename(name)] = value
    return converted


def _rename(name: str) -> str:
    for pattern, target in _RENAMES:
        match = re.fullmatch(pattern, name)
        if match:
            stage, *rest = match.groups()
            return target.format(*rest, i=int(stage) - 1)
    raise ValueError(f'{name} is no weight of a SegFormer encoder (mit_b0 to mit_b5)')
