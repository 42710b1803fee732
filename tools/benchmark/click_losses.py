"""Partial cross-entropy of clicks against mmseg's cross-entropy: time and memory.

    python tools/benchmark/click_losses.py

Forward and backward of 4 images with 20 labels each, 21 classes. Extra memory is the peak
above logits and labels, the gradient of the logits included. Then one image with more and
more labels against the faster of two plain forms: the logits at the labels, read by a mask,
and torch's own loss of all pixels.
"""

import statistics
from argparse import Namespace
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from measure import (
    Row,
    extra_peak_bytes,
    in_fresh_process,
    print_table,
    seconds_in_turn,
    time_row,
)
from mmseg.models.losses import CrossEntropyLoss
from torch import Tensor

from mmseg_weak.models.losses import PartialCrossEntropyLoss

IMAGES, CLASSES, LABELS = 4, 21, 20
SIZE, STRIDE = 512, 4


def make_batch(size: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (N, C, size, size), low-resolution logits and labels (N, size, size)."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.full((IMAGES, size * size), 255)
    for row in labels:
        pixels = torch.randperm(size * size, generator=generator)[:LABELS]
        row[pixels] = torch.randint(0, CLASSES, (LABELS,), generator=generator)
    shapes = [(IMAGES, CLASSES, s, s) for s in (size, size // STRIDE)]
    full, low = (torch.randn(s, generator=generator).to(device) for s in shapes)
    labels = labels.view(IMAGES, size, size).to(device)
    return full.requires_grad_(), low.requires_grad_(), labels


def make_forms(size: int, device: str) -> dict[str, Callable[[], Tensor]]:
    """Losses with their backward pass, of full- and of low-resolution logits."""
    full, low, labels = make_batch(size, device)
    stock, ours = CrossEntropyLoss(avg_non_ignore=True), PartialCrossEntropyLoss()

    def step(logits: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        logits.grad = None
        value = loss(logits)
        value.backward()
        return value.detach()

    def upsample(logits: Tensor) -> Tensor:
        return F.interpolate(logits, labels.shape[1:], mode='bilinear')

    return {
        'full stock': lambda: step(full, lambda x: stock(x, labels, ignore_index=255)),
        'full ours': lambda: step(full, lambda x: ours(x, labels)),
        'low stock': lambda: step(
            low, lambda x: stock(upsample(x), labels, ignore_index=255)
        ),
        'low gather': lambda: step(low, lambda x: ours(upsample(x), labels)),
        'low ours': lambda: step(low, lambda x: ours.forward_low_resolution(x, labels)),
    }


def memory(form: str, size: int, device: str) -> int:
    """Extra peak bytes of one form; runs in a process of its own."""
    torch.set_num_threads(1)
    make_forms(32, device)[form]()  # loads what any first call loads
    return extra_peak_bytes(make_forms(size, device)[form], device)


def memory_rows(size: int, device: str) -> Iterator[Row]:
    """Peaks of both paths, and once more with the stock's gradient left out."""
    gradient = IMAGES * CLASSES * size * size * 4
    for path, name in (('full', 'partial CE'), ('low', 'partial CE, low resolution')):
        stock, ours = (
            in_fresh_process(memory, f'{path} {kind}', size, device)
            for kind in ('stock', 'ours')
        )
        cells = f'{stock / 2**20:.1f} MiB', f'{ours / 2**20:.1f} MiB'
        yield Row(f'{name}: extra peak memory', *cells, ours / stock, '<= 0.25')
        if path == 'full':
            stock = max(stock - gradient, 1)
            cells = f'{stock / 2**20:.1f} MiB', cells[1]
            what = f"{name}: the same, the stock's gradient not counted, ours counted"
            yield Row(what, *cells, ours / stock)


def share_rows(size: int, options: Namespace) -> Iterator[Row]:
    """From clicks to dense labels."""
    options = Namespace(**{**vars(options), 'repeats': min(options.repeats, 25)})
    loss, pixels = PartialCrossEntropyLoss(), size * size
    for classes in (21, 150):
        shape = (1, classes, size, size)
        logits = torch.randn(shape, device=options.device, requires_grad=True)
        for count in (80, 1000, pixels // 100, pixels // 10, pixels):
            labels = torch.full((pixels,), 255)
            labels[torch.randperm(pixels)[:count]] = torch.randint(classes, (count,))
            labels = labels.view(1, size, size).to(options.device)
            forms = share_forms(loss, logits, labels)
            seconds = seconds_in_turn(forms, options)
            plain = min(('gather', 'torch'), key=lambda k: statistics.median(seconds[k]))
            pair = dict(stock=seconds[plain], ours=seconds['ours'])
            what = f'partial CE, {classes} classes, {count} of {pixels} labelled; {plain}'
            yield time_row(what, pair, '<= 1.1', faster=False)


def share_forms(
    loss: PartialCrossEntropyLoss, logits: Tensor, labels: Tensor
) -> dict[str, Callable[[], None]]:
    """Forward and backward of ours and of both plain forms."""

    def gather() -> Tensor:
        labelled = labels != 255
        return F.cross_entropy(logits.permute(0, 2, 3, 1)[labelled], labels[labelled])

    def step(form: Callable[[], Tensor]) -> Callable[[], None]:
        def run() -> None:
            logits.grad = None
            form().backward()

        return run

    return dict(
        ours=step(lambda: loss(logits, labels)),
        gather=step(gather),
        torch=step(lambda: F.cross_entropy(logits, labels, ignore_index=255)),
    )


def rows(options: Namespace) -> Iterator[Row]:
    """Measure both paths, then other shares of labels."""
    size = 64 if options.tiny else SIZE
    forms = make_forms(size, options.device)
    seconds = seconds_in_turn(forms, options)
    for path, name, target in (
        ('full', f'partial CE, {IMAGES}x{CLASSES}x{size}x{size}', '>= 5'),
        ('low', f'partial CE, logits of {size // STRIDE}, labels of {size}', '>= 10'),
    ):
        pair = {kind: seconds[f'{path} {kind}'] for kind in ('stock', 'ours')}
        yield time_row(f'{name}: time', pair, target)
    reference, value = forms['low gather']().item(), forms['low ours']().item()
    what = 'partial CE, low resolution: difference from upsampling, then gathering'
    yield Row(what, f'{reference:.6f}', f'{value:.6f}', abs(value - reference), '<= 1e-5')
    yield from memory_rows(size, options.device)
    yield from share_rows(size, options)


if __name__ == '__main__':
    print_table([rows], __doc__)
