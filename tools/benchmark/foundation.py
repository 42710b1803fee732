"""What models of transformers cost: seconds an image and memory.

    python tools/benchmark/foundation.py --threads 2 --repeats 2

Needs transformers (extra ``foundation``). The models have random weights and the sizes of
the published ones: neither time nor memory depends on the weights. Each runs in a process
of its own, forked from one that has imported all; memory is what it needs more than that.
"""

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import torch
from measure import table_line
from transformers import CLIPConfig, CLIPModel, SamConfig, SamModel

from mmseg_weak.models.backbones import TransformersBackbone
from mmseg_weak.models.promptable import PromptableNetwork
from mmseg_weak.models.text import ClipNetwork

SIZE = (375, 500)
VITS = dict(
    small=dict(hidden_size=384, num_attention_heads=6),
    base=dict(hidden_size=768, num_attention_heads=12),
    large=dict(hidden_size=1024, num_attention_heads=16, num_hidden_layers=24),
)
SWIN = dict(embed_dim=96, depths=[2, 2, 6, 2], num_heads=[3, 6, 12, 24])
CONVNEXT = dict(hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3])
BACKBONES = {
    'DINOv2 small': dict(VITS['small'], model_type='dinov2', patch_size=14),
    'DINOv2 base': dict(VITS['base'], model_type='dinov2', patch_size=14),
    'DINOv2 large': dict(VITS['large'], model_type='dinov2', patch_size=14),
    'DINOv3 ViT small': dict(
        VITS['small'], model_type='dinov3_vit', patch_size=16, intermediate_size=1536
    ),
    'Swin tiny': dict(SWIN, model_type='swin', window_size=7),
    'ConvNeXt tiny': dict(CONVNEXT, model_type='convnext'),
}
SAM = dict(
    base=dict(hidden_size=768, num_attention_heads=12, global_attn_indexes=[2, 5, 8, 11]),
)


def backbone(settings: dict, train: bool, device: str) -> Callable[[], object]:
    """Maps of an image; in training with the gradients of a batch of one crop."""
    network = TransformersBackbone(settings).to(device).train(train)
    size = (160, 160) if train else SIZE
    image = torch.rand(1, 3, *size, device=device)

    def run() -> None:
        with torch.set_grad_enabled(train):
            found = sum(value.sum() for value in network(image))
        if train:
            network.zero_grad()
            found.backward()

    return run


def sam(settings: dict, device: str) -> Callable[[], object]:
    """Embedding of an image and masks of two groups of clicks."""
    network = PromptableNetwork(SamModel(SamConfig(vision_config=settings))).to(device)
    image = torch.rand(1, 3, *SIZE, device=device)
    points = torch.rand(2, 3, 2, device=device) * 300
    labels = torch.tensor([[1, 0, 0]] * 2, device=device)
    return lambda: network.decode(network.embed(image), SIZE, points, labels)


def clip(device: str) -> Callable[[], object]:
    """Similarities of an image of CLIP ViT-B/16 with eleven texts, without a mirror."""
    config = CLIPConfig(vision_config=dict(patch_size=16))
    network = ClipNetwork(CLIPModel(config), None).to(device)
    texts = torch.rand(11, 512, device=device)
    image = torch.rand(1, 3, *SIZE, device=device)
    return lambda: network.similarities(image, texts)


def measure(make: Callable, options: argparse.Namespace) -> tuple[float, float]:
    """Seconds of processor time a call, the median, and MB that all takes."""
    torch.set_num_threads(options.threads)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    torch.manual_seed(0)
    run, seconds = make(device='cpu'), []
    run()
    for _ in range(options.repeats):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return statistics.median(seconds), (after - before) / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--repeats', type=int, default=2)
    parser.add_argument('--only', nargs='+', default=[''], help='parts of names')
    options = parser.parse_args()
    rows = {}
    for name, settings in BACKBONES.items():
        rows[f'{name}, maps of 375x500'] = partial(backbone, settings, False)
        rows[f'{name}, a training crop of 160x160'] = partial(backbone, settings, True)
    rows['SAM base, masks of two objects of 375x500'] = partial(sam, SAM['base'])
    rows['CLIP ViT-B/16, maps of 375x500'] = clip
    print(table_line(['what', 'processor seconds', 'memory, MB']))
    print(table_line(['---'] * 3))
    for name, make in rows.items():
        if any(part in name for part in options.only):
            context = multiprocessing.get_context('fork')
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                seconds, memory = pool.submit(measure, make, options).result()
            print(table_line([name, f'{seconds:.2f}', f'{memory:.0f}']), flush=True)


if __name__ == '__main__':
    main()
