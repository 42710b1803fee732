"""One update of the EMA teacher against mmengine's per-tensor update.

    python tools/benchmark/ema_update.py

Of DeepLabV3+ on ResNet-101: 60 million parameters in 362 tensors, 360 buffers. A CPU
spends nearly all of that update waiting for memory, whoever asks for it; the plain loop
over ``lerp_`` in the table is that floor. The narrow network has the same tensors with few
entries: what is left is the time to walk and launch, which bounds an update on a GPU.
"""

from argparse import Namespace
from collections.abc import Iterator

import torch
from measure import Row, check_equal, print_table, seconds_in_turn, time_row
from mmengine.model import MomentumAnnealingEMA
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from mmseg_weak.models import TeacherEMA

EMA = dict(momentum=0.001, gamma=1)


def deeplabv3plus(width: int) -> nn.Module:
    """DeepLabV3+ whose ResNet has ``width`` base channels (64 is the published one)."""
    norm = dict(type='BN')
    return MODELS.build(
        dict(
            type='EncoderDecoder',
            backbone=dict(
                type='ResNetV1c',
                depth=101,
                base_channels=width,
                stem_channels=max(width, 2),
                strides=(1, 2, 2, 1),
                dilations=(1, 1, 1, 2),
                norm_cfg=norm,
            ),
            decode_head=dict(
                type='DepthwiseSeparableASPPHead',
                in_channels=32 * width,
                in_index=3,
                channels=8 * width,
                dilations=(1, 6, 12, 18),
                c1_in_channels=4 * width,
                c1_channels=max(3 * width // 4, 1),
                num_classes=21,
                norm_cfg=norm,
                align_corners=False,
            ),
        )
    )


def time_updates(student: nn.Module, options: Namespace) -> dict[str, list[float]]:
    """Seconds of both updates and of a bare loop over the parameters."""
    stock, ours = (
        kind(student, **EMA, device=options.device)
        for kind in (MomentumAnnealingEMA, TeacherEMA)
    )
    pairs = list(zip(ours.module.parameters(), student.parameters()))

    @torch.no_grad()
    def bare_loop() -> None:
        for average, source in pairs:
            average.lerp_(source, EMA['momentum'])

    forms = dict(
        stock=lambda: stock.update_parameters(student),
        ours=lambda: ours.update_parameters(student),
        floor=bare_loop,
    )
    for form in forms.values():
        form()  # The first update only copies.
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn_like(parameter))
    stock.update_parameters(student)
    ours.update_parameters(student)
    one, other = (list(average.module.parameters()) for average in (stock, ours))
    for k, pair in enumerate(zip(one, other)):
        check_equal(f'average of parameter {k}', *(p.detach() for p in pair), 1e-6)
    return seconds_in_turn(forms, options)


def rows(options: Namespace) -> Iterator[Row]:
    """Measure the published width and the narrow one."""
    init_default_scope('mmseg')
    width = 8 if options.tiny else 64
    student = deeplabv3plus(width).to(options.device)
    millions = sum(p.numel() for p in student.parameters()) / 1e6
    seconds = time_updates(student, options)
    name = f'EMA, DeepLabV3+ R101, {millions:.1f} M parameters'
    yield time_row(name, seconds, 2)
    floor = dict(stock=seconds['floor'], ours=seconds['ours'])
    yield time_row(f'{name}; a bare loop over lerp_', floor)
    narrow = time_updates(deeplabv3plus(1).to(options.device), options)
    yield time_row('EMA, as many tensors with one channel', narrow)


if __name__ == '__main__':
    print_table([rows], __doc__)
