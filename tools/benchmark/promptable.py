"""Labels of SAM 2.1 from clicks: the first call against one that finds what is stored.

    python tools/benchmark/promptable.py --device cpu --repeats 3

Needs transformers (extra ``foundation``). The models have random weights: the time does not
depend on them. A call labels one image with clicks on two objects and on background; the
first one computes and stores embeddings and masks, the second has another threshold.
"""

import shutil
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import torch
from measure import Row, print_table, seconds_in_turn, time_row
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from transformers import Sam2Config, Sam2Model

from mmseg_weak.labelling import PromptableLabeller

# Depth and width that the published tiny and large models have.
SIZES = dict(
    tiny=dict(),
    large=dict(
        hidden_size=144,
        num_attention_heads=2,
        blocks_per_stage=[2, 6, 36, 4],
        embed_dim_per_stage=[144, 288, 576, 1152],
        num_attention_heads_per_stage=[2, 4, 8, 16],
        window_size_per_stage=[8, 4, 16, 8],
        global_attention_blocks=[23, 33, 43],
    ),
)
CLICKS = [[100.0, 100.0], [300.0, 200.0], [5.0, 5.0]]
CLASSES = [1, 2, 0]


class Source:
    """One random image with clicks."""

    classes, background = tuple(f'class {i}' for i in range(21)), 0

    def __getitem__(self, index: int) -> tuple:
        labels = torch.full((1, 375, 500), 255)
        for (x, y), label in zip(CLICKS, CLASSES):
            labels[0, int(y), int(x)] = label
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
        known = dict(clicks=CLICKS, click_labels=CLASSES, image_classes=(1, 2))
        sample.set_metainfo(dict(known, img_id='x'))
        generator = torch.Generator().manual_seed(index)
        return sample, torch.rand(1, 3, 375, 500, generator=generator)


def save_model(folder: Path, **settings) -> None:
    """A random SAM 2.1."""
    vision = dict(backbone_config=dict(settings, model_type='sam2_hiera_det_model'))
    if settings:
        vision['backbone_channel_list'] = settings['embed_dim_per_stage'][::-1]
    Sam2Model(Sam2Config(vision_config=vision)).save_pretrained(folder)


def rows(options: Namespace) -> Iterator[Row]:
    """Measure each model."""
    for name in ('tiny',) if options.tiny else SIZES:
        with tempfile.TemporaryDirectory() as root:
            model, store = Path(root, name), Path(root, 'store')
            save_model(model, **SIZES[name])
            makers = []
            for threshold in (0.7, 0.8):
                made = PromptableLabeller(
                    model=str(model), threshold=threshold, embeddings=str(store)
                )
                made.start(Source(), options.device)
                makers.append(made)

            def first(make=makers[0], store=store) -> None:
                shutil.rmtree(store, ignore_errors=True)
                make(0)

            forms = dict(stock=first, ours=lambda make=makers[1]: make(0))
            what = f'label of SAM 2.1 {name}, 375x500, second call; first call'
            yield time_row(what, seconds_in_turn(forms, options), 20)


if __name__ == '__main__':
    print_table([rows], __doc__)
