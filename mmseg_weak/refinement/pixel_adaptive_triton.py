"""Kernels of pixel-adaptive refinement for a GPU.

They need Triton, which comes with PyTorch for GPUs. Neighbours outside the valid area of an
image are read from its border, so nothing is padded.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK, CHANNELS = 128, 4


@triton.jit
def _place(offsets, k, y, x, valid_height, valid_width, width):
    """Flat place of neighbour k."""
    row = tl.minimum(tl.maximum(y + tl.load(offsets + 2 * k), 0), valid_height - 1)
    column = tl.minimum(tl.maximum(x + tl.load(offsets + 2 * k + 1), 0), valid_width - 1)
    return row * width + column


@triton.jit
def _scale_kernel(
    planes,
    sizes,
    offsets,
    out,
    channels,
    area,
    width,
    weight,
    eps,
    neighbours: tl.constexpr,
    block: tl.constexpr,
):
    """1 / (weight * (deviation of the neighbours + eps)) of a plane (height, width)."""
    plane, n = tl.program_id(1).to(tl.int64), tl.program_id(1) // channels
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    inside = pixel < area
    y, x = pixel // width, pixel % width
    height, columns = tl.load(sizes + 2 * n), tl.load(sizes + 2 * n + 1)
    values = planes + plane * area
    mean = tl.zeros((block,), tl.float32)
    for k in range(neighbours):
        place = _place(offsets, k, y, x, height, columns, width)
        mean += tl.load(values + place, inside, 0.0)
    mean = mean / neighbours
    # A second pass: a running sum of squares would lose flat areas to cancellation.
    square = tl.zeros((block,), tl.float32)
    for k in range(neighbours):
        place = _place(offsets, k, y, x, height, columns, width)
        difference = tl.load(values + place, inside, 0.0) - mean
        square += difference * difference
    deviation = tl.sqrt(square / (neighbours - 1))
    tl.store(out + plane * area + pixel, 1 / ((deviation + eps) * weight), inside)


@triton.jit
def _score(image, scale, pixel, place, inside, area, channels: tl.constexpr):
    """Negative mean square difference of two pixels, in deviations."""
    total = tl.zeros(pixel.shape, tl.float32)
    for c in range(channels):
        difference = tl.load(image + c * area + place, inside, 0.0)
        difference -= tl.load(image + c * area + pixel, inside, 0.0)
        difference *= tl.load(scale + c * area + pixel, inside, 0.0)
        total += difference * difference
    return -total / channels


@triton.jit
def _affinity_kernel(
    images,
    scales,
    sizes,
    offsets,
    shares,
    out,
    area,
    width,
    channels: tl.constexpr,
    neighbours: tl.constexpr,
    block: tl.constexpr,
):
    """Softmax of the scores plus what place alone gives."""
    n = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    inside = pixel < area
    y, x = pixel // width, pixel % width
    height, columns = tl.load(sizes + 2 * n), tl.load(sizes + 2 * n + 1)
    image, scale = images + n * channels * area, scales + n * channels * area
    highest = tl.full((block,), float('-inf'), tl.float32)
    total = tl.zeros((block,), tl.float32)
    for k in range(neighbours):
        place = _place(offsets, k, y, x, height, columns, width)
        score = _score(image, scale, pixel, place, inside, area, channels)
        higher = tl.maximum(highest, score)
        total = total * tl.exp(highest - higher) + tl.exp(score - higher)
        highest = higher
    for k in range(neighbours):
        place = _place(offsets, k, y, x, height, columns, width)
        score = _score(image, scale, pixel, place, inside, area, channels)
        affinity = tl.exp(score - highest) / total + tl.load(shares + k)
        tl.store(out + (n * neighbours + k) * area + pixel, affinity, inside)


@triton.jit
def _diffuse_kernel(
    masks,
    affinities,
    sizes,
    offsets,
    out,
    channels,
    area,
    width,
    neighbours: tl.constexpr,
    block: tl.constexpr,
    group: tl.constexpr,
):
    """One iteration for a block of pixels of a group of channels."""
    n = tl.program_id(2).to(tl.int64)
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    channel = tl.program_id(1) * group + tl.arange(0, group)
    inside = pixel < area
    both = (channel < channels)[:, None] & inside[None]
    y, x = pixel // width, pixel % width
    height, columns = tl.load(sizes + 2 * n), tl.load(sizes + 2 * n + 1)
    plane = (n * channels + channel)[:, None] * area
    total = tl.zeros((group, block), tl.float32)
    for k in range(neighbours):
        place = _place(offsets, k, y, x, height, columns, width)
        weight = tl.load(affinities + (n * neighbours + k) * area + pixel, inside, 0.0)
        total += weight[None] * tl.load(masks + plane + place[None], both, 0.0)
    tl.store(out + plane + pixel[None], total, both)


def affinities(
    images: Tensor,
    sizes: Tensor,
    offsets: Tensor,
    shares: Tensor,
    weight: float,
    eps: float,
) -> Tensor:
    """Affinities of every pixel to its neighbours.

    Args:
        images (Tensor): Shape (N, C, H, W), float32.
        sizes (Tensor): Valid height and width of each image, integers, shape (N, 2).
        offsets (Tensor): dy and dx of each neighbour, integers, shape (K, 2).
        shares (Tensor): What place alone gives to each neighbour, float32, shape (K,).
        weight, eps (float): Of the deviation that colours are divided by.

    Returns:
        Tensor: Shape (N, K, H, W).
    """
    images = images.contiguous()
    n, channels, height, width = images.shape
    area, neighbours = height * width, len(offsets)
    blocks = triton.cdiv(area, BLOCK)
    scales = torch.empty_like(images)
    with torch.cuda.device_of(images):
        _scale_kernel[blocks, n * channels](
            images,
            sizes,
            offsets,
            scales,
            channels,
            area,
            width,
            weight,
            eps,
            neighbours,
            BLOCK,
        )
        out = images.new_empty(n, neighbours, height, width)
        _affinity_kernel[blocks, n](
            images,
            scales,
            sizes,
            offsets,
            shares,
            out,
            area,
            width,
            channels,
            neighbours,
            BLOCK,
        )
    return out


def diffuse(
    masks: Tensor, affinity: Tensor, sizes: Tensor, offsets: Tensor, num_iters: int
) -> Tensor:
    """Every pixel becomes the weighted sum of its neighbours, again and again.

    Args:
        masks (Tensor): Shape (N, C, H, W), float32.
        affinity (Tensor): Shape (N, K, H, W), float32.
        sizes (Tensor): See :func:`affinities`.
        offsets (Tensor): See :func:`affinities`.
        num_iters (int): How often.

    Returns:
        Tensor: Shape (N, C, H, W).
    """
    masks, affinity = masks.contiguous(), affinity.contiguous()
    n, channels, height, width = masks.shape
    area = height * width
    grid = triton.cdiv(area, BLOCK), triton.cdiv(channels, CHANNELS), n
    spare = torch.empty_like(masks), torch.empty_like(masks)
    with torch.cuda.device_of(masks):
        for i in range(num_iters):
            out = spare[i % 2]
            _diffuse_kernel[grid](
                masks,
                affinity,
                sizes,
                offsets,
                out,
                channels,
                area,
                width,
                len(offsets),
                BLOCK,
                CHANNELS,
            )
            masks = out
    return masks
