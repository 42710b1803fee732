"""Diffusion over superpixels, and an adversarial step.

    python tools/benchmark/label_transfer.py

The walk takes as many steps on the same graph as bring every value within 1e-4 of the
solution; nothing is checked on the way. A plain step is ``EncoderDecoder`` with the same
network, batch and optimiser.
"""

from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from measure import Row, check_equal, print_table, seconds_in_turn, time_row
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import spsolve

from mmseg_weak.refinement import DiffusionOptions, superpixel_diffusion
from mmseg_weak.refinement.harmonic import harmonic_extension
from mmseg_weak.refinement.superpixel_diffusion import edge_weights
from mmseg_weak.refinement.superpixels import neighbours, superpixel_means, to_lab

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'transfer'
STEP = 'fpn_efficientnet-lite0_1xb8-300_voc-animals-160x160.py'
TOLERANCE = 1e-4


def scene(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image with three textured objects, activation maps and foreground map."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    image = 110 + 30 * np.sin(x / 23)[..., None] + rng.normal(0, 3, (height, width, 3))
    cams, foreground = np.zeros((3, height, width)), np.full((height, width), 0.1)
    for i, (cy, cx) in enumerate(((0.3, 0.25), (0.6, 0.55), (0.35, 0.8))):
        distance = np.hypot((y - cy * height) / height, (x - cx * width) / height)
        image[distance < 0.2] += 60 * np.eye(3)[i] - 20
        cams[i] = np.exp(-((distance / 0.08) ** 2))
        foreground[distance < 0.2] = 0.8
    return image.clip(0, 255).astype(np.uint8), cams, foreground


class Walk:
    """Averages over neighbours, set up from the graph.

    Attributes:
        q (np.ndarray): (n, K) values after the steps taken.
    """

    def __init__(self, pairs: np.ndarray, weights: np.ndarray, anchors: np.ndarray) -> None:
        n = len(anchors)
        both, (i, j) = np.concatenate([weights, weights]), pairs.T
        walk = csr_matrix((both, (np.r_[i, j], np.r_[j, i])), shape=(n, n))
        self.matrix = csr_matrix(walk.multiply(1 / walk.sum(axis=1)))
        self.clamped = anchors > -2
        self.q = (anchors[:, None] == np.arange(3)).astype(float)
        self.fixed = self.q[self.clamped]

    def step(self) -> None:
        """One step."""
        self.q = self.matrix @ self.q
        self.q[self.clamped] = self.fixed


def steps_needed(graph: tuple, solution: np.ndarray) -> int:
    """Steps until no value is further than the tolerance from the solution."""
    walk, steps = Walk(*graph), 0
    while np.abs(walk.q - solution).max() > TOLERANCE:
        walk.step()
        steps += 1
    return steps


def iterate_walk(graph: tuple, steps: int) -> np.ndarray:
    """So many steps and nothing else."""
    walk = Walk(*graph)
    for _ in range(steps):
        walk.step()
    return walk.q


def solve_plainly(
    pairs: np.ndarray, weights: np.ndarray, anchors: np.ndarray
) -> np.ndarray:
    """The solution by SciPy's ``spsolve``."""
    n, clamped, (i, j) = len(anchors), anchors > -2, pairs.T
    both = np.concatenate([weights, weights])
    graph = csr_matrix((both, (np.r_[i, j], np.r_[j, i])), shape=(n, n))
    laplacian = csr_matrix(diags(np.asarray(graph.sum(axis=1))[:, 0]) - graph)
    q = (anchors[:, None] == np.arange(3)).astype(float)
    rows = laplacian[~clamped]
    q[~clamped] = spsolve(rows[:, ~clamped].tocsc(), -rows[:, clamped] @ q[clamped])
    return q


def diffusion_rows(options: Namespace) -> Iterator[Row]:
    """Whole diffusion against its bound, its solve against the walk."""
    size = (60, 80) if options.tiny else (375, 500)
    settings = DiffusionOptions(num_superpixels=40 if options.tiny else 250)
    image, cams, foreground = scene(*size)
    for name in ('fewest', 'usual'):
        yield from solve_rows(name, (image, cams, foreground), settings, options)
    size = (120, 160) if options.tiny else (750, 1000)
    large = scene(*size)
    whole = replace(settings, max_side=max(size))
    forms = dict(
        stock=lambda: superpixel_diffusion(*large, whole),
        ours=lambda: superpixel_diffusion(*large, replace(settings, max_side=size[1] // 2)),
    )
    half = f'at most {size[1] // 2} pixels; ours at full size'
    what = f'diffusion of {size[0]}x{size[1]}, {half}'
    yield time_row(what, seconds_in_turn(forms, options), 4)


def solve_rows(
    name: str, maps: tuple, settings: DiffusionOptions, options: Namespace
) -> Iterator[Row]:
    """The solution of one graph by walking, by SciPy and by ours.

    The walk is as slow as anchors are few: ``fewest`` keeps one of each kind.
    """
    image, cams, foreground = maps
    result = superpixel_diffusion(image, cams, foreground, settings)
    lab = to_lab(image).transpose(2, 0, 1)
    features = superpixel_means(np.concatenate([lab, foreground[None]]), result.superpixels)
    pairs = neighbours(result.superpixels)
    weights = edge_weights(features, pairs, settings.beta)
    anchors = result.anchors.copy()
    if name == 'fewest':
        anchors[:] = -2
        for kind in range(-1, 3):
            anchors[np.flatnonzero(result.anchors == kind)[0]] = kind
    values = (anchors[:, None] == np.arange(3)).astype(float)
    graph, clamped = (pairs, weights, anchors), anchors > -2
    solution = harmonic_extension(pairs, weights, clamped, values)
    steps = steps_needed(graph, solution)
    forms = dict(
        walk=lambda: iterate_walk(graph, steps),
        scipy=lambda: solve_plainly(*graph),
        ours=lambda: harmonic_extension(pairs, weights, clamped, values),
    )
    what = f'diffusion, {len(anchors)} superpixels, {clamped.sum()} anchors'
    check_equal(f'{what}; walk', solution, forms['walk'](), 1.01 * TOLERANCE)
    check_equal(f'{what}; spsolve', solution, forms['scipy'](), 1e-8)
    seconds = seconds_in_turn(forms, options)
    for form, text in (('walk', f'{steps} steps of a walk'), ('scipy', 'spsolve')):
        pair = dict(stock=seconds[form], ours=seconds['ours'])
        target = 10 if form == 'walk' and name == 'fewest' else None
        yield time_row(f'{what}; {text}', pair, target)


def make_batch(size: int, images: int) -> dict:
    """Images with masks of one or two classes."""
    generator = torch.Generator().manual_seed(0)
    samples = []
    for i in range(images):
        labels = torch.zeros(1, size, size, dtype=torch.long)
        shown = (1 + i % 6,) if i % 3 else (1 + i % 6, 1 + (i + 1) % 6)
        for k, c in enumerate(shown):
            labels[:, size // 8 : size // 2, (k * size) // 2 : (k + 1) * size // 2 - 4] = c
        metainfo = dict(img_shape=(size, size), mask_classes=tuple(sorted(shown)))
        sample = SegDataSample(metainfo=metainfo)
        sample.gt_sem_seg = PixelData(data=labels)
        samples.append(sample)
    inputs = torch.randint(
        0, 256, (images, 3, size, size), dtype=torch.uint8, generator=generator
    )
    return dict(inputs=list(inputs), data_samples=samples)


def make_step(config: Config, size: int, images: int, plain: bool, device: str) -> Callable:
    """One training step of the segmenter, with or without P-Net."""
    settings = config.model.copy()
    settings.data_preprocessor = dict(settings.data_preprocessor, size=(size, size))
    settings.backbone.init_cfg = None
    optimizer = config.optim_wrapper
    if plain:
        settings.type = 'EncoderDecoder'
        for key in ('prediction_network', 'phase', 'adversarial_weight'):
            settings.pop(key)
        optimizer = optimizer.segmentor
    torch.manual_seed(0)
    model = MODELS.build(settings).to(device).train()
    wrapper = build_optim_wrapper(model, optimizer)
    batch = make_batch(size, images)
    return lambda: model.train_step(dict(batch), wrapper)


def step_rows(options: Namespace) -> Iterator[Row]:
    """An alternating step against a plain one."""
    init_default_scope('mmseg')
    config = Config.fromfile(CONFIGS / f'pnet_{STEP}')
    size, images = (64, 2) if options.tiny else (160, 8)
    forms = {
        kind: make_step(config, size, images, kind == 'stock', options.device)
        for kind in ('stock', 'ours')
    }
    what = f'adversarial step, FPN EfficientNet-Lite0, {images}x3x{size}x{size}'
    yield time_row(what, seconds_in_turn(forms, options), 0.625)


BENCHMARKS = (diffusion_rows, step_rows)

if __name__ == '__main__':
    print_table(BENCHMARKS, __doc__)
