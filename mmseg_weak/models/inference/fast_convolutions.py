"""Convolutions of a CNN in the form that is fastest, with the same results."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmengine.model.efficient_conv_bn_eval import (
    turn_on_efficient_conv_bn_eval_for_single_model,
)
from torch import Tensor, nn


def prepare_inference(network: nn.Module) -> nn.Module:
    """Fold norms, lay out channels last, and on a CPU send 1x1 convolutions to oneDNN.

    Results change by rounding only.

    Args:
        network (nn.Module): mmseg segmentor in eval mode on its device; changed in place,
            its ``state_dict`` stays.

    Returns:
        nn.Module: The network.
    """
    prepare_backbone(network.backbone)
    send_pointwise_to_onednn(network)
    return network.to(memory_format=torch.channels_last)


def prepare_backbone(backbone: nn.Module) -> nn.Module:
    """The same for a backbone alone.

    Args:
        backbone (nn.Module): In eval mode on its device; changed in place.

    Returns:
        nn.Module: The backbone.
    """
    fold_norms(backbone)
    send_pointwise_to_onednn(backbone)
    backbone.register_forward_pre_hook(_lay_out_channels_last)
    return backbone.to(memory_format=torch.channels_last)


def _lay_out_channels_last(_: nn.Module, inputs: tuple) -> tuple:
    images, *others = inputs
    return (images.contiguous(memory_format=torch.channels_last), *others)


def send_pointwise_to_onednn(network: nn.Module) -> None:
    """Let oneDNN compute the 1x1 convolutions of a network on a CPU, on one thread too.

    With one thread and less than 16 images torch leaves them to its general matrix form,
    which takes about twice as long as oneDNN on images channels last. Dilated convolutions
    go to oneDNN in any case, and dilating one pixel changes nothing.

    Args:
        network (nn.Module): Changed in place; its ``state_dict`` stays. On another device,
            or where torch has no oneDNN, nothing changes.
    """
    on_cpu = all(parameter.device.type == 'cpu' for parameter in network.parameters())
    if not on_cpu or not torch.backends.mkldnn.is_available():
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1):
            module.dilation = (2, 2)


@torch.no_grad()
def fold_norms(backbone: nn.Module) -> bool:
    """Let batch norms that follow a convolution become part of it, for inference.

    The network is traced; what cannot be traced, takes images of one size only, or does not
    give the same features for two sizes afterwards, stays as it was.

    Args:
        backbone (nn.Module): In eval mode; its parameters stay, its ``forward`` changes.

    Returns:
        bool: Whether it was possible.
    """
    device = next(backbone.parameters()).device
    generator = torch.Generator().manual_seed(0)
    images = [
        torch.randn(1, 3, *size, generator=generator).to(device)
        for size in ((96, 64), (64, 128))
    ]
    forward = backbone.__dict__.get('forward')
    try:
        before = [_as_list(backbone(image)) for image in images]
        turn_on_efficient_conv_bn_eval_for_single_model(backbone)
        after = [_as_list(backbone(image)) for image in images]
        same = all(
            torch.allclose(a, b, rtol=1e-3, atol=1e-4 * float(a.abs().max()))
            for first, second in zip(before, after)
            for a, b in zip(first, second)
        )
    except Exception:  # other sizes, code that runs on symbols: anything may be raised
        same = False
    if not same:
        backbone.__dict__.pop('forward', None)
        if forward is not None:
            backbone.forward = forward
    return same


def _as_list(features: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [features] if torch.is_tensor(features) else list(features)


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
