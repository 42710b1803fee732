"""One class of a decode head without computing the others."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..heads.click_loss import main_logits


def background_logits(
    head: nn.Module, features: Sequence[Tensor], background: int = 0
) -> Tensor:
    """Logits of one class.

    The last convolution of mmseg's heads, ``conv_seg``, runs with the weights of this
    class only. A head without it runs as a whole.

    Args:
        head (nn.Module): A decode head.
        features (Sequence[Tensor]): Its input.
        background (int): The class. Defaults to 0.

    Returns:
        Tensor: Shape (N, 1, h, w).
    """
    last = getattr(head, 'conv_seg', None)
    one = slice(background, background + 1)
    if not isinstance(last, nn.Conv2d) or last.groups != 1:
        return main_logits(head, head(features))[:, one]
    weights = {'conv_seg.weight': last.weight[one]}
    if last.bias is not None:
        weights['conv_seg.bias'] = last.bias[one]
    output = torch.func.functional_call(head, weights, (features,))
    return main_logits(head, output)
