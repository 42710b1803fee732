"""Plain transformers of the library ``transformers`` that show their attention."""

from contextvars import ContextVar

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..._transformers import require_transformers
from .transformers_backbone import TransformersBackbone

OWNER = 'AttentionTransformersBackbone'
# Each patch attends to all others there, by no bias; queries and keys hold the positions.
PLAIN = ('dinov2', 'dinov2_with_registers', 'dinov3_vit')
# Name of show_attention in the library.
SHOWN = 'mmseg_weak_shown'
_seen: ContextVar[list | None] = ContextVar('seen', default=None)


def show_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_,
) -> tuple[Tensor, None]:
    """An attention function of the library that leaves queries and keys to be read.

    Args:
        module (nn.Module): Not used.
        query, key, value (Tensor): Shape (N, heads, tokens, dims).
        attention_mask (Tensor, optional): Added to the logits.
        dropout (float): Share of attention dropped.
        scaling (float, optional): Factor on the logits.

    Returns:
        tuple: Shape (N, tokens, heads, dims), and no attention matrix: none is stored.
    """
    if (seen := _seen.get()) is not None:
        seen.append((query, key))
    mixed = F.scaled_dot_product_attention(
        query, key, value, attention_mask, dropout, scale=scaling
    )
    return mixed.transpose(1, 2).contiguous(), None


@MODELS.register_module()
class AttentionTransformersBackbone(TransformersBackbone):
    """A plain transformer for pixel affinities: DINOv2 and DINOv3.

    :meth:`forward_with_attention` also returns queries and keys of the last layers, from
    which :class:`~mmseg_weak.models.heads.AttentionAffinityHead` predicts affinities; its
    ``num_maps`` is their number of heads together. Weights are those of the base class.

    Args:
        *args: As for :class:`TransformersBackbone`.
        num_exposed (int): How many of the last layers show queries and keys, 1 to the
            number of layers. Defaults to 2.
        **kwargs: As for :class:`TransformersBackbone`.

    Raises:
        ValueError: The model has no attention between all patches, or ``num_exposed`` is
            out of its range.
    """

    def __init__(self, *args, num_exposed: int = 2, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        config = self.model.config
        if config.model_type not in PLAIN:
            raise ValueError(
                f'{OWNER}: a {config.model_type} has no attention between all patches; '
                f'there are {", ".join(PLAIN)}'
            )
        if not 1 <= num_exposed <= config.num_hidden_layers:
            raise ValueError(
                f'{OWNER}: num_exposed must be in 1..{config.num_hidden_layers}, the '
                f'layers of the model, got {num_exposed}'
            )
        self.num_exposed = num_exposed
        require_transformers(OWNER).AttentionInterface.register(SHOWN, show_attention)
        config._attn_implementation = SHOWN

    @staticmethod
    def as_stock(settings: dict) -> dict:
        """Config of the base class with the same weights and results."""
        kept = {k: v for k, v in settings.items() if k != 'num_exposed'}
        return dict(kept, type='TransformersBackbone')

    def forward_with_attention(
        self, x: Tensor
    ) -> tuple[tuple[Tensor, ...], list[tuple[Tensor, Tensor]]]:
        """Features, and queries and keys of the last layers.

        Args:
            x (Tensor): Images, shape (N, 3, H, W).

        Returns:
            tuple: Features as from ``forward``; for each exposed layer its queries and
            keys, shape (N, heads, h w, dims) each, of the patches alone. Their product is
            the logits of eager attention before scaling.
        """
        token = _seen.set([])
        try:
            features, seen = self(x), _seen.get()
        finally:
            _seen.reset(token)
        cells = features[-1].shape[2] * features[-1].shape[3]
        shown = seen[: self.model.config.num_hidden_layers][-self.num_exposed :]
        # Tokens of the whole image and registers stand before the patches.
        return features, [tuple(t[:, :, -cells:] for t in pair) for pair in shown]
