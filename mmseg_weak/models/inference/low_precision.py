"""Where bfloat16 pays."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from mmengine.logging import print_log

# Instructions of x86 processors that multiply in bfloat16 or convert to it.
X86_UNITS = ('avx512_bf16', 'amx_bf16', 'avx_ne_convert')


@cache
def has_bfloat16(device_type: str) -> bool:
    """Whether a kind of device computes in bfloat16 itself.

    Without it a CPU takes ten times as long as in float32, and an older GPU gains nothing.

    Args:
        device_type (str): Such as ``cpu`` or ``cuda``.
    """
    if device_type == 'cpu':
        return _cpu_has_bfloat16()
    if device_type == 'cuda':
        return torch.cuda.get_device_capability() >= (8, 0)
    return True


def _cpu_has_bfloat16() -> bool:
    if not torch.backends.mkldnn.is_available():
        return False
    capabilities = getattr(torch.cpu, 'get_capabilities', dict)()
    units = [capabilities[name] for name in X86_UNITS if name in capabilities]
    # oneDNN says yes to AVX-512 without them as well, and emulates.
    return any(units) if units else torch.ops.mkldnn._is_mkldnn_bf16_supported()


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
