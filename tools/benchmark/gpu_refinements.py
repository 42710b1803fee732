"""Refinements on a device against the plain forms of the tests."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import torch
from measure import Row, extra_peak_bytes, seconds_in_turn, time_row

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'refinement'))

from plain_refinement import plain_pixel_adaptive  # noqa: E402

from mmseg_weak.refinement import PixelAdaptiveRefinement, random_walk  # noqa: E402


def refinement_rows(options: Namespace) -> Iterator[Row]:
    """Pixel-adaptive refinement, then the random walk, which has no plain form there."""
    device, size = options.device, 32 if options.tiny else 256
    torch.manual_seed(0)
    images = torch.rand(2, 3, size, size, device=device)
    masks = torch.rand(2, 21, size, size, device=device)
    refine = PixelAdaptiveRefinement()
    forms = dict(
        stock=lambda: plain_pixel_adaptive(images, masks),
        ours=lambda: refine(images, masks),
    )
    what = f'pixel-adaptive refinement, 2x3x{size}x{size}, 21 masks'
    yield time_row(f'{what}: time', seconds_in_turn(forms, options))
    stock, ours = (extra_peak_bytes(forms[name], device) for name in ('stock', 'ours'))
    cells = [f'{value / 2**20:.0f} MiB' for value in (stock, ours)]
    yield Row(f'{what}: memory', *cells, ours / max(stock, 1))
    side = (12, 16) if options.tiny else (94, 125)
    scores = torch.rand(3, *side, device=device)
    boundary = torch.rand(1, *side, device=device) ** 4
    forms = {'ours': lambda: random_walk(scores, boundary)}
    seconds = sorted(seconds_in_turn(forms, options)['ours'])
    middle = seconds[len(seconds) // 2]
    what = f'random walk of 3 maps of {side[0]}x{side[1]}, 256 steps, seconds'
    yield Row(what, '', f'{1e3 * middle:.3g} ms', middle)
