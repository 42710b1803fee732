"""Convolution and frozen batch norm as one convolution."""

from mmcv.cnn import ConvModule
from torch import nn


def fuse_frozen_norms(module: nn.Module, fuse: bool = True) -> nn.Module:
    """Let mmcv's ConvModules scale their weights instead of their outputs.

    It works where batch norm is in eval mode (``norm_eval=True`` and testing) and changes
    results by rounding only; keys, gradients and a batch norm that trains stay as they
    are. See `Tune-Mode ConvBN Blocks <https://arxiv.org/abs/2305.11624>`_.

    Args:
        module (nn.Module): Any module.
        fuse (bool): False undoes it. Defaults to True.

    Returns:
        nn.Module: ``module``.
    """
    for part in module.modules():
        if isinstance(part, ConvModule) and hasattr(part, 'turn_on_efficient_conv_bn_eval'):
            part.turn_on_efficient_conv_bn_eval(fuse)
    return module
