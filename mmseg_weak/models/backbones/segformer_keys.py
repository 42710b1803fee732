"""Public SegFormer weights (NVlabs ``mit_b*.pth``) under mmseg's names."""

import re

import torch
from torch import Tensor

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
