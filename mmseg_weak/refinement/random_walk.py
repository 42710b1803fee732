"""Random walk of scores that a boundary map confines."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Weight of the Chebyshev polynomials that may be left out, see _coefficients.
TAIL = 1e-8


@torch.no_grad()
def random_walk(
    scores: Tensor,
    boundary: Tensor,
    radius: int = 5,
    beta: float = 10,
    num_steps: int = 256,
    max_memory: int = 2**28,
) -> Tensor:
    r"""Spread scores by a random walk that does not cross boundaries.

    IRN (Ahn et al., CVPR 2019, `arXiv:1904.05044 <https://arxiv.org/abs/1904.05044>`_,
    Eq. 4 and 5). Two pixels closer than ``radius`` are a pair with affinity

    .. math:: a_{ij} = 1 - \max_{k \in \Pi_{ij}} B(k), \qquad a_{ii} = 1

    where the path :math:`\Pi_{ij}` holds the pixels of the box spanned by i and j
    whose distance to the line through both is below 1, both ends included. Outside
    the image the boundary is 1. With T the elementwise power :math:`a^\beta`, each
    column divided by its sum, the result is :math:`(s (1 - B))\, T^{steps}`.

    Neither T nor a power of it is built. T has one value per pixel and offset, so a
    step is a sum of shifted products; and because T is similar to a symmetric matrix
    with spectrum in [-1, 1], :math:`T^{256}` is a Chebyshev series whose first 90
    polynomials carry all but 1e-8 of the weight (Sachdeva and Vishnoi, "Faster
    Algorithms via Approximation Theory", 2014, Theorem 3.3): 90 steps do the work of
    256. A map too large for ``max_memory`` is walked in overlapping strips of rows,
    with the same result.

    Args:
        scores (Tensor): Shape (C, h, w), floating point, of any range.
        boundary (Tensor): Boundary probability, shape (1, h, w), in [0, 1].
        radius (int): Pixels closer than this are pairs. Defaults to 5.
        beta (float): Power of the affinities, > 0. Defaults to 10.
        num_steps (int): Steps of the walk; the published 8 squarings are 256 steps.
            Defaults to 256.
        max_memory (int): Bytes the affinities may take (strips keep a minimum of
            ``12 * radius`` rows). The scores come on top, about eight times.
            Defaults to 2^28 (256 MiB).

    Returns:
        Tensor: Shape (C, h, w), device and dtype of ``scores``; computed in float32 at
        least. No gradient.

    Raises:
        ValueError: Shapes do not fit, a map is empty, not floating point or not finite,
            the boundary leaves [0, 1], or a parameter is out of range.

    Example:
        >>> random_walk(torch.rand(3, 24, 31), torch.rand(1, 24, 31)).shape
        torch.Size([3, 24, 31])
    """
    _check(scores, boundary, radius, beta, num_steps)
    dtype = torch.promote_types(scores.dtype, torch.float32)
    boundary = boundary[0].to(scores.device, dtype)
    current = scores.to(dtype) * (1 - boundary)
    coefficients = _coefficients(num_steps)
    state = torch.stack([torch.zeros_like(current), current, coefficients[0] * current])

    height, width = boundary.shape
    row_bytes = len(_offsets(radius)) * (width + radius) * boundary.element_size()
    rows = max(max_memory // max(1, row_bytes), 12 * radius)
    block = len(coefficients) if rows >= height else rows // (6 * radius)
    for first in range(1, len(coefficients), block):
        terms = coefficients[first : first + block]
        halo = (len(terms) + 2) * radius if rows < height else 0
        inner = rows - 2 * halo
        advanced = torch.empty_like(state)
        for top in range(0, height, inner):
            start, stop = max(0, top - halo), min(height, top + inner + halo)
            # Not kept in a name: the affinities of two strips would be alive at once.
            strip = _Walk(boundary[start:stop], radius, beta).chebyshev(
                state[..., start:stop, :], terms, first == 1
            )
            keep = slice(top - start, top - start + inner)
            advanced[..., top : top + inner, :] = strip[..., keep, :]
        state = advanced
    return state[2].to(scores.dtype)


class _Walk:
    """One step of the walk on a map whose rows are padded and laid end to end.

    A gap of ``radius`` columns after each row turns every offset into one shift of the
    flat map: what leaves a row, left or right, lands in a gap, where the boundary is 1.
    Affinities are symmetric, so those of half the offsets serve all.
    """

    def __init__(self, boundary: Tensor, radius: int, beta: float) -> None:
        self.height, self.width = boundary.shape
        self.radius = radius
        stride = self.width + radius
        flat = F.pad(boundary, (0, radius), value=1).flatten()
        self.length = flat.numel()
        # Paths may start before the first and end behind the last pixel.
        margin = radius * (stride + 1)
        padded = F.pad(flat, (margin, margin), value=1)

        offsets = _offsets(radius)
        self.shifts = [dy * stride + dx for dy, dx in offsets]
        self.affinity = flat.new_empty(len(offsets), self.length)
        for affinity, offset in zip(self.affinity, offsets):
            starts = [margin + y * stride + x for y, x in _path(*offset)]
            affinity.copy_(padded[starts[0] : starts[0] + self.length])
            for start in starts[1:]:
                torch.maximum(affinity, padded[start : start + self.length], out=affinity)
        self.affinity.neg_().add_(1).pow_(beta)
        total = torch.ones_like(flat)
        for affinity, shift in zip(self.affinity, self.shifts):
            total[shift:] += affinity[: max(0, self.length - shift)]
            total += affinity
        self.inverse_total = 1 / total

    def _change(self, maps: Tensor) -> Tensor:
        """What one step adds, (T - 1) x, from the flows between pairs.

        Sums of differences instead of products: where the walk has settled nothing
        flows, so rounding does not add up over the steps.
        """
        change = torch.zeros_like(maps)
        buffer = torch.empty_like(maps)
        for affinity, shift in zip(self.affinity, self.shifts):
            if shift >= self.length:
                continue
            flow = buffer[:, shift:]
            torch.sub(maps[:, shift:], maps[:, :-shift], out=flow)
            flow *= affinity[:-shift]
            change[:, :-shift] += flow
            change[:, shift:] -= flow
        return change.mul_(self.inverse_total)

    def chebyshev(self, state: Tensor, terms: list[float], is_start: bool) -> Tensor:
        """Add terms of the series to the sum.

        With the differences D_k of successive polynomials, T_{k+1} = T_k + D_{k+1} and
        D_{k+1} = D_k + 2 (T - 1) T_k, without the factor 2 at the start.

        Args:
            state (Tensor): D_k s, T_k s and the sum so far, shape (3, C, h, w).
            terms (list[float]): Coefficients of T_{k+1}, T_{k+2}, ...
            is_start (bool): Whether k is 0.

        Returns:
            Tensor: The new state.
        """
        state = F.pad(state, (0, self.radius)).flatten(2)
        difference, current, total = state
        for term in terms:
            difference.add_(self._change(current), alpha=1 if is_start else 2)
            is_start = False
            current += difference
            total.add_(current, alpha=term)
        state = state.unflatten(2, (self.height, self.width + self.radius))
        return state[..., : self.width]


def _offsets(radius: int) -> list[tuple[int, int]]:
    """(dy, dx) of half the neighbours closer than the radius."""
    return [
        (dy, dx)
        for dy in range(radius)
        for dx in range(1 - radius, radius)
        if (dy > 0 or dx > 0) and dy * dy + dx * dx < radius * radius
    ]


def _path(dy: int, dx: int) -> list[tuple[int, int]]:
    """Pixels of the box from (0, 0) to (dy, dx) less than 1 away from the line."""
    return [
        (y, x)
        for y in range(min(0, dy), max(0, dy) + 1)
        for x in range(min(0, dx), max(0, dx) + 1)
        if (dy * x - dx * y) ** 2 < dy * dy + dx * dx
    ]


def _coefficients(num_steps: int) -> list[float]:
    """Chebyshev coefficients of x^steps, without a tail of at most ``TAIL``.

    The coefficient of T_k is the probability that a simple random walk of that many
    steps ends at -k or k; the tail bounds what leaving it out changes.
    """
    coefficients = [0.0] * (num_steps + 1)
    for k in range(num_steps % 2, num_steps + 1, 2):
        ways = math.comb(num_steps, (num_steps - k) // 2) * (2 if k else 1)
        coefficients[k] = ways / 2**num_steps
    tail = 0.0
    while len(coefficients) > 1 and tail + coefficients[-1] <= TAIL:
        tail += coefficients.pop()
    return coefficients


def _check(
    scores: Tensor, boundary: Tensor, radius: int, beta: float, num_steps: int
) -> None:
    for name, value in (('scores', scores), ('boundary', boundary)):
        if value.ndim != 3 or 0 in value.shape[1:] or not value.is_floating_point():
            raise ValueError(
                f'{name} must be a floating point (C, h, w) tensor that is not empty, '
                f'got {value.dtype} of shape {tuple(value.shape)}'
            )
        if not torch.isfinite(value).all():
            raise ValueError(f'{name} hold values that are not finite')
    if tuple(boundary.shape) != (1, *scores.shape[1:]):
        raise ValueError(
            f'boundary must be (1, {scores.shape[1]}, {scores.shape[2]}) like the '
            f'scores, got {tuple(boundary.shape)}'
        )
    if boundary.min() < 0 or boundary.max() > 1:
        raise ValueError(
            f'boundary must lie in [0, 1], got [{boundary.min():g}, {boundary.max():g}]'
        )
    if radius < 1 or num_steps < 0 or not beta > 0:
        raise ValueError(
            'radius must be at least 1, num_steps at least 0 and beta above 0, got '
            f'{radius}, {num_steps} and {beta}'
        )
