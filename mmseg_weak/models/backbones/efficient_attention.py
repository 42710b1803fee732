"""SegFormer's attention by ``scaled_dot_product_attention``, with queries and keys."""

from collections.abc import Callable

import torch.nn.functional as F
from mmseg.models.backbones.mit import EfficientMultiheadAttention
from mmseg.models.utils import nchw_to_nlc, nlc_to_nchw
from torch import Tensor


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
