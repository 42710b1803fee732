"""Ranges of options in signatures."""

import inspect
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pytest

from mmseg_weak._ranges import (
    Count,
    Interval,
    NonNegative,
    Share,
    check_options,
    check_ranges,
)


@check_ranges
def blend(
    share: Share | None = None,
    mode: Literal['mean', 'max'] = 'mean',
    start: Share | Literal['auto'] = 'auto',
    above: Annotated[float, Interval(0, 1, is_open=True)] = 1,
    steps: Count = 1,
    *,
    free: str = '',
):
    """What it was given."""
    return share, mode, start, above, steps, free


@check_ranges
class Base:
    def __init__(self, weight: NonNegative) -> None:
        self.weight = weight


class Child(Base):
    pass


@check_ranges
@dataclass(frozen=True)
class Options:
    share: Share = 0.5


def test_what_is_inside_passes_unchanged():
    assert blend(0, 'max', 1, 0.1, 2, free='x') == (0, 'max', 1, 0.1, 2, 'x')
    assert blend(None, start='auto') == (None, 'mean', 'auto', 1, 1, '')
    assert blend(np.float32(0.5), steps=np.int64(3))[4] == 3
    assert Child(0).weight == 0 and Options(1).share == 1
    assert next(iter(inspect.signature(blend).parameters)) == 'share'


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: blend(1.1), r'^blend: share must be in \[0, 1\], got 1.1$'),
        (lambda: blend(float('nan')), r'share must be in \[0, 1\], got nan'),
        (lambda: blend('much'), r"share must be in \[0, 1\], got 'much'"),
        (lambda: blend(mode='sum'), "mode must be one of mean, max, got 'sum'"),
        (lambda: blend(start=2), r'start must be in \[0, 1\] or one of auto, got 2'),
        (lambda: blend(above=0), r'above must be in \(0, 1\], got 0'),
        (lambda: blend(steps=1.5), 'steps must be a whole number >= 1, got 1.5'),
        (lambda: blend(steps=True), 'steps must be a whole number >= 1, got True'),
        (lambda: Child(-1), '^Child: weight must be finite and >= 0, got -1'),
        (lambda: Child(float('inf')), 'got inf'),
        (lambda: Options(share=-1), r'^share must be in \[0, 1\]'),
        (lambda: check_options('it', blend, dict(share=3)), r'it: share must'),
        (lambda: check_options('it', blend, dict(sum=3)), "it has no option 'sum', only"),
    ],
)
def test_what_is_outside_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_calls_are_pythons_own():
    with pytest.raises(TypeError, match=r'blend\(\) got an unexpected keyword'):
        blend(speed=1)
