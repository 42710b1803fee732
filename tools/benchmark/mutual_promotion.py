"""An iteration of mutual promotion against its plain form, step by step.

    python tools/benchmark/mutual_promotion.py
    python tools/benchmark/mutual_promotion.py --device cuda

Both compute the same losses and gradients (tests/models/test_mutual_promotion.py). The
plain form is that of the tests: it stores attention and neighbours, enlarges all classes,
labels image by image and computes losses of weight zero. Iterations are forward, backward
and optimiser step. Memory is the peak above what is held before an iteration.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from measure import (
    Row,
    extra_peak_bytes,
    memory_row,
    peak_in_fresh_process,
    print_table,
    seconds_in_turn,
    time_row,
)
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'models'))

from plain_mutual_promotion import (  # noqa: E402
    multi_scale,
    par_label,
    plain_iteration,
    propagated_label,
)

from mmseg_weak.models.inference.fast_convolutions import (  # noqa: E402
    fuse_frozen_norms,
    send_pointwise_to_onednn,
)
from mmseg_weak.models.inference.low_precision import has_bfloat16  # noqa: E402
from mmseg_weak.models.mutual_promotion.label_maker import (  # noqa: E402
    PresentClasses,
    make_cam_labels,
)

CONFIGS = ROOT / 'configs' / 'mutual_promotion'
# Pattern of the config, and crop and batch size where a CPU cannot bear the config's.
CASES = {
    'MobileNetV2': ('bmp_mobilenetv2_*.py', None, None),
    'MiT-B1': ('bmp_mit-b1_*voc12*.py', 256, 2),
}


def build(config: Config, size: int, device: str) -> nn.Module:
    """The segmentor of a config without pre-trained weights."""
    settings = config.model.copy()
    settings.data_preprocessor = dict(settings.data_preprocessor, size=(size, size))
    settings.backbone.init_cfg = None
    torch.manual_seed(0)
    return revert_sync_batchnorm(MODELS.build(settings)).to(device).train()


def make_batch(size: int, images: int, device: str) -> tuple[torch.Tensor, list]:
    """Smooth images with two tags each."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(images, 3, 8, 8, generator=generator)
    inputs = nn.functional.interpolate(coarse, (size, size), mode='bicubic').to(device)
    meta = dict(image_classes=(1, 3), img_shape=(size, size), padding_size=[0] * 4)
    samples = [SegDataSample(metainfo=dict(meta)) for _ in range(images)]
    return inputs, samples


def make_step(
    case: tuple, plain: bool, before: bool, device: str, low_precision: bool = False
) -> Callable:
    """One optimiser step, before the segmentation losses start or with all parts."""
    init_default_scope('mmseg')
    config, size, images = Config.fromfile(case[0]), *case[1:]
    model = build(config, size, device)
    model.low_precision = low_precision
    optimiser = build_optim_wrapper(model, config.optim_wrapper)
    inputs, samples = make_batch(size, images, device)
    if plain:
        fuse_frozen_norms(model, False)
    else:
        send_pointwise_to_onednn(model)  # as OneDNNPointwiseHook does
        if model.data_preprocessor.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
    iteration = 0 if before else model.schedule.propagation_start
    MessageHub.get_current_instance().update_info('iter', iteration)

    def step() -> None:
        MessageHub.get_current_instance().update_info('iter', iteration)
        if plain:
            losses = plain_iteration(model, inputs, samples, iteration)[0]
        else:
            losses = model.loss(inputs, samples)
        optimiser.update_params(sum(v for k, v in losses.items() if 'loss' in k))

    return step


def make_labels(case: tuple, plain: bool, device: str) -> Callable:
    """PAR and propagated labels of one batch, given CAMs and background."""
    init_default_scope('mmseg')
    config, size, images = Config.fromfile(case[0]), *case[1:]
    model = build(config, size, device)
    inputs, samples = make_batch(size, images, device)
    cams, background = multi_scale(model, inputs)
    pictures = inputs.sub(inputs.min()).div(inputs.max() - inputs.min())
    options, box = model.label_options, (0, size, 0, size)
    known = [k - 1 for k in samples[0].image_classes]
    tags = torch.zeros(images, cams.shape[1])
    tags[:, known] = 1
    boxes = torch.tensor([box] * images)

    def plain_form() -> None:
        for image, cam, score in zip(pictures, cams, background):
            par_label(options, image, cam, known, box)
            propagated_label(options, image, score, cam, known, box)

    def ours() -> None:
        classes = PresentClasses.from_tags(tags, device)
        index = classes.classes[:, :, None, None].expand(-1, -1, size, size)
        chosen = cams.gather(1, index)
        make_cam_labels(pictures, chosen, background, classes, boxes, options)

    return plain_form if plain else ours


def peak_bytes(case: tuple, plain: bool, device: str) -> int:
    """Peak memory of a step, in a process of its own."""
    torch.set_num_threads(1)
    step = make_step(case, plain, False, device)
    return extra_peak_bytes(step, device)


def rows(options: Namespace) -> Iterator[Row]:
    """Measure each network."""
    device = options.device
    cases = list(CASES.items())[: 1 if options.tiny else None]
    for name, (pattern, size, images) in cases:
        path = min(CONFIGS.glob(pattern))
        config = Config.fromfile(path)
        on_gpu = torch.device(device).type == 'cuda'
        size = (not on_gpu and size) or config.model.data_preprocessor.size[0]
        images = (not on_gpu and images) or config.train_dataloader.batch_size
        if options.tiny:
            size, images = 64, 2
        case = (str(path), size, images)
        what = f'{name}, {images}x3x{size}x{size}'
        for part, before, low, target in (
            ('mutual promotion, losses of weight zero left out', True, False, 3),
            ('mutual promotion', False, False, 1.8),
            ('mutual promotion, low_precision', False, True, 2.5),
        ):
            if low and not has_bfloat16(torch.device(device).type):
                continue
            forms = dict(
                stock=make_step(case, True, before, device),
                ours=make_step(case, False, before, device, low),
            )
            seconds = seconds_in_turn(forms, options)
            yield time_row(f'{part}, {what}', seconds, target)
        forms = {
            kind: make_labels(case, kind == 'stock', device) for kind in ('stock', 'ours')
        }
        what = f'mutual promotion, {what}'
        yield time_row(f'{what}: labels alone', seconds_in_turn(forms, options), 4)
        stock, ours = (
            peak_in_fresh_process(peak_bytes, case, p, device) for p in (True, False)
        )
        yield memory_row(what, stock, ours, 1.67)


if __name__ == '__main__':
    print_table([rows], __doc__)
