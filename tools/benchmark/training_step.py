"""A training step with teacher and consistency against mmseg's plain step.

    python tools/benchmark/training_step.py

Both train the network of a shipped config on one batch: forward, backward, optimiser, and
for ours the update of the teacher. The plain step is ``EncoderDecoder`` with mmseg's
cross-entropy. A teacher's forward pass alone is a third of a plain step (1.33).
"""

from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from measure import Row, print_table, seconds_in_turn, time_row
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_weak.models import TeacherEMA
from mmseg_weak.models.inference.fast_convolutions import send_pointwise_to_onednn

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'seminar'
# Pattern of the config, crop size and batch size where a CPU cannot bear the config's.
CASES = {
    'DeepLabV3+ MobileNetV2': ('teacher_deeplabv3plus_mobilenetv2_*.py', None, None),
    'DeepLabV3+ R50': ('teacher_deeplabv3plus_r50-*.py', 256, 2),
}
LITE = 'pce_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
CLICKS = 10


def make_batch(size: int, images: int, classes: int) -> dict:
    """What a data loader hands to the model: images and sparse labels."""
    generator = torch.Generator().manual_seed(0)
    samples = []
    for _ in range(images):
        labels = torch.full((1, size * size), 255)
        pixels = torch.randperm(size * size, generator=generator)[:CLICKS]
        labels[0, pixels] = torch.arange(CLICKS) % min(classes, 3)
        metainfo = dict(img_shape=(size, size), image_classes=(1, 2))
        sample = SegDataSample(metainfo=metainfo)
        sample.gt_sem_seg = PixelData(data=labels.view(1, size, size))
        samples.append(sample)
    views = torch.randint(
        0, 256, (images, 3, size, size), dtype=torch.uint8, generator=generator
    )
    return dict(inputs=list(views), data_samples=samples)


def build(config: Config, size: int, plain: bool, device: str) -> nn.Module:
    """The segmentor of a config, or mmseg's own around the same network."""
    settings = config.model.copy()
    settings.data_preprocessor = dict(settings.data_preprocessor, size=(size, size))
    settings.backbone.init_cfg = None
    if plain:
        settings.type = 'EncoderDecoder'
        settings.pop('consistency', None)
        loss = dict(type='CrossEntropyLoss', avg_non_ignore=True)
        settings.decode_head.loss_decode = loss
    torch.manual_seed(0)
    return revert_sync_batchnorm(MODELS.build(settings)).to(device).train()


def make_step(
    config: Config,
    size: int,
    images: int,
    plain: bool,
    device: str,
    teacher: bool = True,
    bfloat16: bool = False,
    compiled: bool = False,
    pointwise: bool = False,
) -> Callable:
    """One optimiser step, and one of the teacher unless ``plain`` or without one.

    With ``bfloat16`` under autocast; ``compiled`` as mmengine's ``compile=True`` does it;
    ``pointwise`` as ``OneDNNPointwiseHook`` does it.
    """
    model = build(config, size, plain, device)
    if pointwise:
        send_pointwise_to_onednn(model)
    optimiser = build_optim_wrapper(model, config.optim_wrapper)
    batch = make_batch(size, images, model.decode_head.num_classes)
    ema = None
    if teacher and not plain:
        ema = TeacherEMA(model, momentum=0.001)
        model.set_teacher(ema.module)
    if compiled:
        model.forward = torch.compile(model.forward)
    autocast = torch.autocast(torch.device(device).type, torch.bfloat16, bfloat16)

    def step() -> None:
        with autocast:
            model.train_step(dict(batch), optimiser)
        if ema is not None:
            ema.update_parameters(model)

    return step


def rows(options: Namespace) -> Iterator[Row]:
    """Measure each network."""
    init_default_scope('mmseg')
    for name, (pattern, size, images) in CASES.items():
        config = Config.fromfile(min(CONFIGS.glob(pattern)))
        size = size or config.model.data_preprocessor.size[0]
        images = images or config.train_dataloader.batch_size
        if options.tiny:
            size, images = 64, 2
        forms = {
            kind: make_step(config, size, images, kind == 'stock', options.device)
            for kind in ('stock', 'ours')
        }
        what = f'step with teacher and consistency, {name}, {images}x3x{size}x{size}'
        yield time_row(what, seconds_in_turn(forms, options), 0.69)


def layout_rows(options: Namespace) -> Iterator[Row]:
    """What ``init`` sets for a CPU, against torch's own layout and convolutions."""
    init_default_scope('mmseg')
    config = Config.fromfile(min(CONFIGS.glob(LITE)))
    size, images = (64, 2) if options.tiny else (160, 8)
    forms = {}
    for last in (False, True):
        for pointwise in (False, True):
            config.model.data_preprocessor.channels_last = last
            forms[last, pointwise] = make_step(
                config, size, images, False, options.device, False, pointwise=pointwise
            )
    seconds = seconds_in_turn(forms, options)
    for key, text in (
        ((True, False), 'channels last'),
        ((False, True), 'OneDNNPointwiseHook'),
        ((True, True), 'channels last and OneDNNPointwiseHook'),
    ):
        pair = dict(stock=seconds[False, False], ours=seconds[key])
        batch = f'{images}x3x{size}x{size}'
        what = f'step, FPN EfficientNet-Lite0, {batch}, {text}; neither of both'
        yield time_row(what, pair)


BENCHMARKS = (rows, layout_rows)

if __name__ == '__main__':
    print_table(BENCHMARKS, __doc__)
