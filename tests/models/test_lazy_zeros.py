import resource
from pathlib import Path

import pytest
import torch

from mmseg_weak.models.losses import PartialCrossEntropyLoss, click_logits, gather_logits

STATM = Path('/proc/self/statm')


def resident_bytes():
    """Memory this process holds now."""
    return int(STATM.read_text().split()[1]) * resource.getpagesize()


@pytest.fixture(params=[1, 2**40], ids=['mapped', 'plain'])
def threshold(request, monkeypatch):
    monkeypatch.setattr(click_logits, 'MIN_BYTES', request.param)


@pytest.mark.parametrize('dtype', [torch.half, torch.bfloat16, torch.float, torch.double])
def test_equals_torch_zeros(threshold, dtype):
    ours = click_logits.lazy_zeros((2, 3, 5), dtype)
    torch.testing.assert_close(ours, torch.zeros((2, 3, 5), dtype=dtype), rtol=0, atol=0)
    assert ours.is_contiguous()
    ours[1, 2, 3] = 1
    assert ours.sum() == 1


@pytest.mark.skipif(not STATM.exists(), reason='/proc/self/statm is of Linux')
def test_takes_no_memory_until_written():
    before = resident_bytes()
    zeros = click_logits.lazy_zeros((1024, 65536), torch.float)
    zeros[::64, 0] = 1
    lazy = resident_bytes() - before
    zeros.fill_(1)
    full = resident_bytes() - before
    assert lazy < 0.1 * zeros.nbytes < 0.9 * zeros.nbytes < full


def test_gradient_adds_up_where_pixels_coincide(threshold):
    logits = torch.randn(2, 3, 4, 5, dtype=torch.double, requires_grad=True)
    index = tuple(torch.tensor(axis) for axis in ([0, 1, 1], [3, 0, 0], [4, 2, 2]))
    read = gather_logits(logits, index)
    factor = torch.randn(3, 3, dtype=torch.double)
    ours = torch.autograd.grad((read * factor).sum(), logits)[0]
    plain = logits[index[0], :, index[1], index[2]]
    expected = torch.autograd.grad((plain * factor).sum(), logits)[0]
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_each_pixel_once_in_either_layout(threshold, layout):
    logits = torch.randn(3, 3, 4, 5).to(memory_format=layout).requires_grad_()
    index = tuple(torch.tensor(axis) for axis in ([0, 2, 2], [3, 1, 0], [4, 0, 2]))
    read = gather_logits(logits, index, repeated=False)  # nothing of the second image
    plain = logits[index[0], :, index[1], index[2]]
    torch.testing.assert_close(read, plain, rtol=0, atol=0)
    factor = torch.randn(3, 3)
    ours, expected = (
        torch.autograd.grad((values * factor).sum(), logits)[0] for values in (read, plain)
    )
    torch.testing.assert_close(ours, expected, rtol=0, atol=0)


def test_first_and_second_derivatives(threshold):
    logits = torch.randn(1, 3, 4, 4, dtype=torch.double, requires_grad=True)
    target = torch.full((1, 4, 4), 255)
    target[0, 1, 2], target[0, 3, 0] = 1, 2
    loss = PartialCrossEntropyLoss()
    assert torch.autograd.gradcheck(lambda p: loss(p, target), logits)
    assert torch.autograd.gradgradcheck(lambda p: loss(p, target), logits)
