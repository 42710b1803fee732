"""Time and memory of the refinement room against plain forms.

    python tools/benchmark/refinement.py
    python tools/benchmark/refinement.py --cases refine crf --repeats 7

Every case is timed in one process, forms in turn, and reported as medians and their
ratio. Peak memory is that of one run in a fresh process above what the process held
before the run (Linux). The plain forms are the oracles of the tests. Of the dense random
walk one of its eight squarings is run, and its time counted eight times.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.graph import MCP_Geometric

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests' / 'refinement')]

from plain_refinement import (  # noqa: E402
    plain_pixel_adaptive,
    plain_random_walk,
    plain_transition,
)

from mmseg_weak.refinement import (  # noqa: E402
    PixelAdaptiveRefinement,
    background_aware_label,
    dense_crf,
    par_label,
    random_walk,
)
from mmseg_weak.refinement.edge_geodesic import geodesic_distance  # noqa: E402

Form = Callable[[], object]


def refine_case() -> dict[str, Form]:
    """Pixel-adaptive refinement, 2x3x256x256 with 21 masks."""
    images, masks = torch.rand(2, 3, 256, 256), torch.rand(2, 21, 256, 256)
    refine = PixelAdaptiveRefinement()
    return dict(
        ours=lambda: refine(images, masks),
        plain=lambda: plain_pixel_adaptive(images, masks),
    )


def labels_case() -> dict[str, Form]:
    """Both label makers, crop 256, 4 images, 20 classes of which 1 to 3 present."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, 256, 256, generator=generator)
    cams = torch.rand(4, 20, 256, 256, generator=generator)
    background = torch.rand(4, 256, 256, generator=generator)
    tags = torch.zeros(4, 20)
    tags[:, 3] = tags[1:3, 8] = tags[2, 14] = 1
    boxes = torch.tensor([[0, 256, 0, 256], [0, 256, 20, 256], [30, 200, 0, 256]] * 2)[:4]

    def make(refine: Callable) -> None:
        par_label(images, cams, tags, boxes, refine)
        background_aware_label(images, background, cams, tags, boxes, refine)

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

    return dict(ours=lambda: make(PixelAdaptiveRefinement()), plain=lambda: make(plain))


def walk_case() -> dict[str, Form]:
    """Random walk of 3 maps of 94x125, 256 steps."""
    scores, boundary = torch.rand(3, 94, 125), torch.rand(1, 94, 125) ** 4
    return dict(
        ours=lambda: random_walk(scores, boundary),
        plain=lambda: plain_random_walk(scores, boundary, num_squarings=1),
        transition=lambda: plain_transition(boundary[0]),
    )


def large_walk_case() -> dict[str, Form]:
    """Random walk of 1 map of 750x1000 (an image of 4000x3000 at stride 4)."""
    scores, boundary = torch.rand(1, 750, 1000), torch.rand(1, 750, 1000) ** 4
    return dict(ours=lambda: random_walk(scores, boundary))


def crf_case() -> dict[str, Form]:
    """Dense CRF, 375x500, 3 labels, 10 iterations."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:375, :500]
    # Colour ramps and noise: about as many lattice vertices as a photograph.
    image = np.stack([x * 0.4, y * 0.5, (x + y) * 0.2], -1) + rng.normal(
        0, 8, (375, 500, 3)
    )
    image = image.clip(0, 255).astype(np.uint8)
    probs = rng.dirichlet([1, 1, 1], (375, 500)).transpose(2, 0, 1).astype(np.float32)
    return dict(ours=lambda: dense_crf(image, probs))


def geodesic_case() -> dict[str, Form]:
    """Distance from the clicks of one class over a 300x300 map of blurred lines."""
    lines = np.random.default_rng(0).random((300, 300)) > 0.98
    edges = gaussian_filter(lines.astype(np.float32), 1.5)
    cost = 0.01 + (edges / edges.max()) ** 2
    seeds, starts = np.array([30_150, 80_020]), [(100, 150), (266, 220)]
    return dict(
        ours=lambda: geodesic_distance(cost, seeds),
        plain=lambda: MCP_Geometric(cost.astype(float)).find_costs(starts),
    )


CASES = dict(
    refine=refine_case,
    labels=labels_case,
    walk=walk_case,
    large_walk=large_walk_case,
    crf=crf_case,
    geodesic=geodesic_case,
)


def peak_memory(form: Form) -> int:
    """Bytes one run takes above what the process holds, by the kernel's high mark."""
    Path('/proc/self/clear_refs').write_text('5')
    before = _high_mark()
    form()
    return _high_mark() - before


def _high_mark() -> int:
    status = Path('/proc/self/status').read_text()
    line = next(line for line in status.splitlines() if line.startswith('VmHWM'))
    return 1024 * int(line.split()[1])


def memory_in_fresh_process(case: str, form: str, threads: int) -> int:
    """Peak memory of one form."""
    command = [sys.executable, __file__, '--threads', str(threads), '--memory', case, form]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout.splitlines()[-1])


def median_seconds(forms: dict[str, Form], repeats: int) -> dict[str, float]:
    """Medians of runs in turn, so that a busy moment meets every form."""
    seconds = {name: [] for name in forms}
    for _ in range(repeats):
        for name, form in forms.items():
            start = time.perf_counter()
            form()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def report(case: str, repeats: int, threads: int) -> str:
    """Row of the table."""
    forms = CASES[case]()
    memory = {
        name: memory_in_fresh_process(case, name, threads) / 2**20
        for name in forms
        if name != 'transition'
    }
    forms['ours']()
    seconds = median_seconds(forms, repeats)
    cells = [CASES[case].__doc__, f'{seconds["ours"]:.3f} s', f'{memory["ours"]:.0f} MiB']
    if 'transition' in seconds:
        squaring = seconds['plain'] - seconds['transition']
        seconds['plain'] = seconds['transition'] + 8 * squaring
    if 'plain' in seconds:
        cells += [
            f'{seconds["plain"]:.2f} s',
            f'{memory["plain"]:.0f} MiB',
            f'{seconds["plain"] / seconds["ours"]:.1f}x',
            f'1/{memory["plain"] / memory["ours"]:.1f}',
        ]
    return '| ' + ' | '.join(cells + ['–'] * (7 - len(cells))) + ' |'


def main() -> None:
    """Print the table, or the memory of one form."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', nargs='+', choices=list(CASES), default=list(CASES))
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--memory', nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        case, form = arguments.memory
        refine_small()
        print(json.dumps(peak_memory(CASES[case]()[form])))
        return
    print('| case | ours | memory | plain | memory | faster | memory ratio |')
    print('|---|---|---|---|---|---|---|')
    for case in arguments.cases:
        print(report(case, arguments.repeats, arguments.threads), flush=True)


def refine_small() -> None:
    """Load and compile what a first call would, so that it does not count as memory."""
    PixelAdaptiveRefinement()(torch.rand(1, 3, 8, 8), torch.rand(1, 1, 8, 8))
    random_walk(torch.rand(1, 8, 8), torch.rand(1, 8, 8))
    dense_crf(np.zeros((8, 8, 3), np.uint8), np.full((2, 8, 8), 0.5, np.float32))
    torch.rand(64, 64) @ torch.rand(64, 64)


if __name__ == '__main__':
    main()
