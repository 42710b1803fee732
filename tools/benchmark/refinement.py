"""Refinements against plain forms and, where it is installed, the C++ dense CRF.

    python tools/benchmark/refinement.py
    pip install pydensecrf2; python tools/benchmark/refinement.py --clock cpu --repeats 7

The plain forms are the oracles of the tests. The walk's squares dense matrices, so it is
given small maps. ``pydensecrf2`` is the published C++ code with its bindings and needs a
compiler; without it the rows of the CRF tell our time alone.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from measure import (
    Row,
    check_equal,
    extra_peak_bytes,
    memory_row,
    peak_in_fresh_process,
    print_table,
    seconds_in_turn,
    time_row,
)
from scipy.ndimage import gaussian_filter
from skimage.graph import MCP_Geometric

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests' / 'refinement')]

from plain_refinement import plain_pixel_adaptive, plain_random_walk  # noqa: E402

from mmseg_weak.refinement import (  # noqa: E402
    PixelAdaptiveRefinement,
    background_aware_label,
    dense_crf,
    par_label,
    random_walk,
)
from mmseg_weak.refinement.edge_geodesic import geodesic_distance  # noqa: E402

Forms = dict[str, Callable[[], object]]


def pixel_adaptive(size: int, device: str) -> Forms:
    """Two images with 21 masks each."""
    images = torch.rand(2, 3, size, size, device=device)
    masks = torch.rand(2, 21, size, size, device=device)
    refine = PixelAdaptiveRefinement()
    return dict(
        stock=lambda: plain_pixel_adaptive(images, masks),
        ours=lambda: refine(images, masks),
    )


def pixel_adaptive_tiles(size: int) -> Forms:
    """One large image with two masks; affinities streamed or in tiles."""
    images, masks = torch.rand(1, 3, size, size), torch.rand(1, 2, size, size)
    refine = PixelAdaptiveRefinement()

    def streamed() -> torch.Tensor:
        affinity = refine._affinity(
            refine._pad(images, refine._padding_index(None, images))
        )
        return refine.propagate(masks, affinity)

    return dict(stock=streamed, ours=lambda: refine(images, masks))


def label_makers(size: int) -> Forms:
    """Both label makers, 4 images, 20 classes of which 1 to 3 are present."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, size, size, generator=generator)
    cams = torch.rand(4, 20, size, size, generator=generator)
    background = torch.rand(4, size, size, generator=generator)
    tags = torch.zeros(4, 20)
    tags[:, 3] = tags[1:3, 8] = tags[2, 14] = 1
    low, high = size // 10, size - size // 5
    boxes = [[0, size, 0, size], [0, size, low, size], [low, high, 0, size]]
    boxes = torch.tensor([*boxes, boxes[0]])

    def make(refine: Callable) -> torch.Tensor:
        one = par_label(images, cams, tags, boxes, refine)
        other = background_aware_label(images, background, cams, tags, boxes, refine)
        return torch.cat([torch.as_tensor(m).double().flatten() for m in (one, other[1])])

    def plain(images: torch.Tensor, masks: torch.Tensor, sizes=None) -> torch.Tensor:
        # As published: image by image, and the two thresholds apart.
        if sizes is None:
            high, low = masks.chunk(2, dim=1)
            return torch.cat([plain_by_image(images, m) for m in (high, low)], dim=1)
        out = torch.zeros_like(masks)
        for i, (h, w) in enumerate(sizes.tolist()):
            area = (slice(i, i + 1), slice(None), slice(h), slice(w))
            out[area] = plain_pixel_adaptive(images[area], masks[area])
        return out

    def plain_by_image(images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        pairs = zip(images.split(1), masks.split(1))
        return torch.cat([plain_pixel_adaptive(*pair) for pair in pairs])

    return dict(ours=lambda: make(PixelAdaptiveRefinement()), stock=lambda: make(plain))


def walk(height: int, width: int, device: str) -> Forms:
    """Three maps, 256 steps."""
    scores = torch.rand(3, height, width, device=device)
    boundary = torch.rand(1, height, width, device=device) ** 4
    return dict(
        ours=lambda: random_walk(scores, boundary),
        stock=lambda: plain_random_walk(scores, boundary),
    )


def sharp_walk(height: int, width: int) -> Forms:
    """Boundaries as faint as noise (stock), and nearly 0 or 1 as a trained network's."""
    scores = torch.rand(3, height, width)
    faint = 0.1 * torch.rand(1, height, width)
    regions = gaussian_filter(np.random.default_rng(0).random((height, width)), 2)
    near = 1e-4 * (0.5 + torch.rand(height, width))  # to the tenth power: denormal
    sharp = torch.where(torch.from_numpy(regions) > regions.mean(), 1 - near, near)[None]
    return dict(
        stock=lambda: random_walk(scores, faint), ours=lambda: random_walk(scores, sharp)
    )


def geodesic(size: int) -> Forms:
    """Distance from the clicks of one class over a map of blurred lines."""
    lines = np.random.default_rng(0).random((size, size)) > 0.98
    edges = gaussian_filter(lines.astype(np.float32), 1.5)
    cost = 0.01 + (edges / edges.max()) ** 2
    starts = [(size // 3, size // 2), (size - 9, size - 9)]
    seeds = np.array([y * size + x for y, x in starts])
    return dict(
        ours=lambda: geodesic_distance(cost, seeds),
        stock=lambda: MCP_Geometric(cost.astype(float)).find_costs(starts)[0],
    )


def crf(height: int, width: int, labels: int, noise: float) -> Forms:
    """Colour ramps with noise, chance probabilities, the options of the paper."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    image = np.stack([x * 0.4, y * 0.5, (x + y) * 0.2], -1)
    image = image + rng.normal(0, max(noise, 1e-9), image.shape)
    image = image.clip(0, 255).astype(np.uint8)
    probs = rng.dirichlet([1] * labels, (height, width)).transpose(2, 0, 1)
    probs = probs.astype(np.float32)
    forms = dict(ours=lambda: dense_crf(image, probs))
    if find_spec('pydensecrf'):
        forms['stock'] = lambda: original_crf(image, probs)
    return forms


def original_crf(image: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Krähenbühl's code with the same options."""
    from pydensecrf.densecrf import DenseCRF2D

    height, width = image.shape[:2]
    model = DenseCRF2D(width, height, len(probs))
    energy = -np.log(np.maximum(probs, 1e-10)).reshape(len(probs), -1)
    model.setUnaryEnergy(np.ascontiguousarray(energy, dtype=np.float32))
    model.addPairwiseGaussian(sxy=3, compat=3)
    model.addPairwiseBilateral(sxy=80, srgb=13, rgbim=image, compat=10)
    return np.array(model.inference(10)).reshape(probs.shape)


def memory(make: Callable[..., Forms], arguments: tuple, form: str, device: str) -> int:
    """Peak bytes of one form above its inputs; runs in a process of its own."""
    torch.set_num_threads(1)
    # Compile and load what a first call would.
    make(*(min(a, 12) if isinstance(a, int) else a for a in arguments))[form]()
    return extra_peak_bytes(make(*arguments)[form], device)


def compared(
    what: str,
    forms: Forms,
    options: Namespace,
    target: float | None = None,
    tolerance: float = 1e-3,
) -> Row:
    """Time of both forms, which have to agree within a share of the largest value."""
    check_equal(what, forms['stock'](), forms['ours'](), tolerance)
    return time_row(what, seconds_in_turn(forms, options), target)


def peaks(what: str, make: Callable[..., Forms], arguments: tuple, device: str) -> Row:
    """Memory of both forms."""
    found = (
        peak_in_fresh_process(memory, make, arguments, form, device)
        for form in ('stock', 'ours')
    )
    return memory_row(what, *found, 2)


def device_rows(options: Namespace) -> Iterator[Row]:
    """What runs on any device; the plain forms take many seconds on a CPU."""
    if torch.device(options.device).type == 'cpu':
        options = Namespace(**{**vars(options), 'repeats': min(options.repeats, 2)})
    size = 32 if options.tiny else 256
    case = size, options.device
    what = f'pixel-adaptive refinement, 2x3x{size}x{size}, 21 masks'
    yield compared(what, pixel_adaptive(*case), options, 10)
    yield peaks(what, pixel_adaptive, case, options.device)
    side = (12, 16) if options.tiny else (40, 50)
    what = f'random walk, 3 maps of {side[0]}x{side[1]}, 256 steps'
    yield compared(what, walk(*side, options.device), options)


def rows(options: Namespace) -> Iterator[Row]:
    """All of it, on the CPU where nothing else is possible."""
    limited = Namespace(**{**vars(options), 'repeats': min(options.repeats, 7)})
    yield from device_rows(limited)
    tiny = options.tiny
    size = 64 if tiny else 1024
    what = f'pixel-adaptive refinement, {size}x{size}, 2 masks; ours, affinities streamed'
    yield compared(what, pixel_adaptive_tiles(size), limited, 1.5)
    size = 32 if tiny else 256
    what = f'label makers of mutual promotion, 4x3x{size}x{size}, 1 to 3 of 20 classes'
    forms = label_makers(size)
    share = (forms['stock']() == forms['ours']()).double().mean()
    check_equal(f'equal pixels of {what}', 1.0, share, 2e-3)
    yield time_row(what, seconds_in_turn(forms, limited), 2.5)
    side = (12, 16) if tiny else (94, 125)
    # Other inputs, so nothing is compared.
    what = f'random walk of {side[0]}x{side[1]}, sharp boundaries; ours, faint ones'
    yield time_row(what, seconds_in_turn(sharp_walk(*side), limited), 0.77)
    size = 30 if tiny else 300
    what = f'distance from clicks, {size}x{size}; scikit-image'
    yield compared(what, geodesic(size), limited, 5)
    yield from crf_rows(limited)


def crf_rows(options: Namespace) -> Iterator[Row]:
    """Few and many labels, colours without and with noise, against the C++ code."""
    side = (12, 16) if options.tiny else (188, 250)
    for labels in (3, 21):
        for noise in (0, 8, 40):
            what = f'dense CRF {side[0]}x{side[1]}, {labels} labels, noise {noise}'
            forms = crf(*side, labels, noise)
            if 'stock' in forms:
                yield compared(f'{what}; C++', forms, options, 1.2)
                continue
            middle = float(np.median(seconds_in_turn(forms, options)['ours']))
            yield Row(what, '', f'{1e3 * middle:.3g} ms', None)


if __name__ == '__main__':
    print_table([rows], __doc__)
