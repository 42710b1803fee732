"""Multi-scale activation maps of an image against eight plain passes.

    python tools/benchmark/multi_scale_cam.py
    python tools/benchmark/multi_scale_cam.py --repeats 9 --device cuda

The plain form is the published one: each scale and flip alone, all classes enlarged to the
size of the image. Ours is what ``tools/make_pseudo_labels.py`` does. MobileNetV2 at output
stride 16, an image of VOC's size with 2 of 20 or 80 classes.
"""

from argparse import Namespace
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from measure import Row, check_equal, print_table, seconds_in_turn, time_row
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import Tensor, nn

import mmseg_weak  # noqa: F401
from mmseg_weak.models.cam.activation_maps import SCALES, merge_maps, scale_inputs
from mmseg_weak.models.inference.fast_convolutions import prepare_inference


def make_model(num_classes: int, device: str) -> nn.Module:
    """Classifier of so many classes besides background, in eval mode."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='CAMSegmentor',
            data_preprocessor=dict(type='SegDataPreProcessor'),
            backbone=dict(
                type='MobileNetV2',
                out_indices=(6,),
                strides=(1, 2, 2, 2, 1, 1, 1),
                dilations=(1, 1, 1, 1, 1, 2, 2),
            ),
            decode_head=dict(type='CAMHead', in_channels=320, num_classes=num_classes + 1),
        )
    )
    with torch.no_grad():
        for parameter in model.decode_head.parameters():
            # Or random maps would vanish beside the 1e-5 added to their largest value.
            parameter.mul_(1e3)
    return model.to(device).eval()


@torch.inference_mode()
def plain_cams(model: nn.Module, image: Tensor, present: list[int]) -> Tensor:
    """Eight passes, all classes enlarged, absent ones dropped at the end."""
    size = tuple(image.shape[2:])
    total = 0
    for scale in SCALES:
        scaled = scale_inputs(image, scale, model.data_preprocessor)
        for flip in (False, True):
            inputs = scaled.flip(3) if flip else scaled
            maps = model.decode_head(model.extract_feat(inputs)).relu()
            maps = F.interpolate(maps, size, mode='bilinear', align_corners=False)
            total = total + (maps.flip(3) if flip else maps)
    total = total / (total.amax(dim=(2, 3), keepdim=True) + 1e-5)
    return total[0, present]


@torch.inference_mode()
def our_cams(model: nn.Module, image: Tensor, present: list[int]) -> Tensor:
    """As label making does it."""
    maps, _ = model.activations(image, SCALES, True)
    columns = torch.tensor(present, device=image.device)
    return merge_maps([level[0] for level in maps], columns, tuple(image.shape[2:]))


def rows(options: Namespace) -> Iterator[Row]:
    """20 classes, then 80."""
    options = Namespace(**{**vars(options), 'repeats': min(options.repeats, 9)})
    height, width = (60, 80) if options.tiny else (375, 500)
    for num_classes in (20, 80):
        model = make_model(num_classes, options.device)
        image = torch.randint(256, (1, 3, height, width), device=options.device).float()
        # As label making does.
        fast = prepare_inference(make_model(num_classes, options.device))
        forms = dict(
            stock=lambda m=model, x=image: plain_cams(m, x, [3, 11]),
            ours=lambda m=fast, x=image: our_cams(m, x, [3, 11]),
        )
        scene = f'{height}x{width}, 4 scales and flip, 2 of {num_classes} classes'
        what = f'activation maps of {scene}'
        # A GPU convolves in TF32, of ten bits.
        tolerance = 1e-2 if torch.device(options.device).type == 'cuda' else 1e-3
        check_equal(what, forms['stock'](), forms['ours'](), tolerance)
        yield time_row(what, seconds_in_turn(forms, options), 1.67)


if __name__ == '__main__':
    print_table([rows], __doc__)
