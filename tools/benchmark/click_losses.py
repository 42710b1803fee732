"""Partial cross-entropy of clicks against mmseg's cross-entropy: time and memory.

    python tools/benchmark/click_losses.py

Forward and backward of 4 images with 20 labels each, 21 classes. Extra memory is the peak
above logits and labels, the gradient of the logits included. Then one image with more and
more labels against the fastest of three plain forms: the logits at the labels, read by
``index_select`` or by indexing, and torch's own loss of all pixels.
"""

import statistics
from argparse import Namespace
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from measure import (
    Row,
    check_equal,
    extra_peak_bytes,
    keep_freed_memory,
    memory_row,
    peak_in_fresh_process,
    print_table,
    seconds_in_turn,
    time_row,
)
from mmseg.models.losses import CrossEntropyLoss
from torch import Tensor

from mmseg_weak.models.losses import PartialCrossEntropyLoss

IMAGES, CLASSES, LABELS = 4, 21, 20
SIZE, STRIDE = 512, 4
PLAIN = ('index_select', 'indexing', 'torch')


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
        'low ours': lambda: step(low, lambda x: ours.forward_low_resolution(x, labels)),
    }


def memory(form: str, size: int, device: str) -> int:
    """Extra peak bytes of one form; runs in a process of its own."""
    torch.set_num_threads(1)
    make_forms(32, device)[form]()  # loads what any first call loads
    return extra_peak_bytes(make_forms(size, device)[form], device)


def memory_rows(size: int, device: str) -> Iterator[Row]:
    """Peaks of both paths."""
    for path, name in (('full', 'of full logits'), ('low', f'of logits / {STRIDE}')):
        peaks = (
            peak_in_fresh_process(memory, f'{path} {kind}', size, device)
            for kind in ('stock', 'ours')
        )
        yield memory_row(f'partial cross-entropy {name}', *peaks, 4)


def share_rows(size: int, options: Namespace) -> Iterator[Row]:
    """From clicks to dense labels."""
    keep_freed_memory()
    loss, pixels = PartialCrossEntropyLoss(), size * size
    for classes in (21, 150):
        shape = (1, classes, size, size)
        logits = torch.randn(shape, device=options.device, requires_grad=True)
        for count in (80, 1000, pixels // 100, pixels // 10, pixels):
            labels = torch.full((pixels,), 255)
            labels[torch.randperm(pixels)[:count]] = torch.randint(classes, (count,))
            labels = labels.view(1, size, size).to(options.device)
            forms = share_forms(loss, logits, labels)
            what = (
                f'partial cross-entropy, {classes} classes, {count:,} of {size}² labelled'
            )
            for plain in PLAIN:
                check_equal(what, forms[plain](), forms['ours'](), 1e-5)
            seconds = seconds_in_turn(forms, options)
            best = min(PLAIN, key=lambda form: statistics.median(seconds[form]))
            pair = dict(stock=seconds[best], ours=seconds['ours'])
            yield time_row(f'{what}; {best}', pair, 0.91)


def share_forms(
    loss: PartialCrossEntropyLoss, logits: Tensor, labels: Tensor
) -> dict[str, Callable[[], Tensor]]:
    """Forward and backward of ours and of the plain forms; they give the loss."""
    flat = labels.flatten()

    def index_select() -> Tensor:
        chosen = (flat != 255).nonzero()[:, 0]
        read = logits.flatten(2).index_select(2, chosen)
        return F.cross_entropy(read, flat[chosen][None])

    def indexing() -> Tensor:
        image, row, column = (labels != 255).nonzero(as_tuple=True)
        return F.cross_entropy(logits[image, :, row, column], labels[image, row, column])

    def step(form: Callable[[], Tensor]) -> Callable[[], Tensor]:
        def run() -> Tensor:
            logits.grad = None
            value = form()
            value.backward()
            return value.detach()

        return run

    return dict(
        ours=step(lambda: loss(logits, labels)),
        index_select=step(index_select),
        indexing=step(indexing),
        torch=step(lambda: F.cross_entropy(logits, labels, ignore_index=255)),
    )


def rows(options: Namespace) -> Iterator[Row]:
    """Measure both paths, then other shares of labels."""
    size = 64 if options.tiny else SIZE
    forms = make_forms(size, options.device)
    batch = f'{IMAGES} images, {CLASSES} classes, {size}², {LABELS} labels each'
    for path, name, target in (
        ('full', 'full logits', 5),
        ('low', f'logits of {size // STRIDE}', 10),
    ):
        pair = {kind: forms[f'{path} {kind}'] for kind in ('stock', 'ours')}
        what = f'partial cross-entropy of {name}, {batch}'
        check_equal(what, pair['stock'](), pair['ours'](), 1e-5)
        yield time_row(what, seconds_in_turn(pair, options), target)
    yield from memory_rows(size, options.device)
    yield from share_rows(size, options)


if __name__ == '__main__':
    print_table([rows], __doc__)
