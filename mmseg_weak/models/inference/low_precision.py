"""Where bfloat16 pays."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from mmengine.logging import print_log


@cache
def has_bfloat16(device_type: str) -> bool:
    """Whether a kind of device computes in bfloat16 itself.

    Without it a CPU takes ten times as long as in float32, and an older GPU gains nothing.

    Args:
        device_type (str): Such as ``cpu`` or ``cuda``.
    """
    if device_type == 'cpu':
        onednn = torch.backends.mkldnn.is_available()
        return onednn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if device_type == 'cuda':
        return torch.cuda.get_device_capability() >= (8, 0)
    return True


def bfloat16_or_float32(device_type: str) -> AbstractContextManager:
    """Autocast to bfloat16 where the device has it; else float32, told once."""
    if has_bfloat16(device_type):
        return torch.autocast(device_type, torch.bfloat16)
    _tell(device_type)
    return nullcontext()


@cache
def _tell(device_type: str) -> None:
    print_log(
        f'low_precision has no effect: this {device_type} has no bfloat16', 'current', 30
    )
