"""Many steps of a random walk between near pixels, without its matrix."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

# Weight of the Chebyshev polynomials that may be left out, see _coefficients.
TAIL = 1e-8
# Differences of pairs that a GPU makes in one call, 32 MiB of float32: the calls for one
# offset after the other take longer than that.
DEVICE_NUMEL = 2**23


def pair_offsets(radius: int) -> list[tuple[int, int]]:
    """Half the neighbours of a pixel that are closer than a radius.

    Args:
        radius (int): In pixels.

    Returns:
        list[tuple[int, int]]: (dy, dx), each below, or in the row and to the right.
    """
    return [
        (dy, dx)
        for dy in range(radius)
        for dx in range(1 - radius, radius)
        if (dy > 0 or dx > 0) and dy * dy + dx * dx < radius * radius
    ]


class SparseWalk:
    """One step of the walk on a map whose rows are padded and laid end to end.

    A gap of ``radius`` columns after each row turns every offset into one shift of the
    flat map: what leaves a row, left or right, lands in a gap. Affinities are symmetric,
    so those of half the offsets serve all.

    Args:
        affinity (Tensor): Affinity of each pixel and its neighbour at each of
            :func:`pair_offsets`, shape (offsets, height · (width + radius)), >= 0, and 0
            where one of both is not in the map. A pixel and itself have affinity 1.
        height, width, radius (int): Size of the map, reach of the walk.
    """

    def __init__(self, affinity: Tensor, height: int, width: int, radius: int) -> None:
        self.height, self.width, self.radius = height, width, radius
        self.affinity = affinity
        self.length = affinity.shape[1]
        self.shifts = [dy * (width + radius) + dx for dy, dx in pair_offsets(radius)]
        total = affinity.new_ones(self.length)
        for values, shift in zip(affinity, self.shifts):
            total[shift:] += values[: max(0, self.length - shift)]
            total += values
        self.inverse_total = 1 / total
        self.pairs: tuple[Tensor, Tensor] | None = None

    def _change(self, maps: Tensor) -> Tensor:
        """What one step adds, (T - 1) x, from the flows between pairs.

        Sums of differences instead of products: where the walk has settled nothing
        flows, so rounding does not add up over the steps.
        """
        numel = 2 * len(self.shifts) * maps.numel()
        if maps.device.type != 'cpu' and numel <= DEVICE_NUMEL:
            return self._change_at_once(maps)
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

    def _change_at_once(self, maps: Tensor) -> Tensor:
        """The same in five calls: every pixel looks at all of its neighbours."""
        if self.pairs is None:
            place = torch.arange(self.length, device=maps.device)
            shifts = place.new_tensor(self.shifts)[:, None]
            ahead, behind = place + shifts, place - shifts
            other = self.affinity.gather(1, behind.clamp(min=0)) * (behind >= 0)
            neighbours = torch.cat([ahead, behind]).clamp(0, self.length - 1)
            self.pairs = neighbours, torch.cat([self.affinity, other])
        neighbours, affinity = self.pairs
        flows = (maps[:, neighbours] - maps[:, None]).mul_(affinity)
        return flows.sum(dim=1).mul_(self.inverse_total)

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


def walk_in_strips(
    scores: Tensor,
    make_walk: Callable[[slice], SparseWalk],
    radius: int,
    num_steps: int,
    max_memory: int,
) -> Tensor:
    r"""Scores after many steps, :math:`s\, T^{steps}`.

    T is similar to a symmetric matrix with spectrum in [-1, 1], so its power is a
    Chebyshev series; of :math:`T^{256}` the first 90 polynomials carry all but 1e-8 of
    the weight (Sachdeva and Vishnoi, "Faster Algorithms via Approximation Theory", 2014,
    Theorem 3.3). A map whose affinities would take more than
    ``max_memory`` is walked in overlapping strips of rows, with the same result.

    Args:
        scores (Tensor): Shape (C, h, w), floating point.
        make_walk (Callable): The walk on a slice of the rows.
        radius (int): Its reach.
        num_steps (int): Steps, >= 0.
        max_memory (int): Bytes for the affinities; a strip keeps at least
            ``12 * radius`` rows.

    Returns:
        Tensor: Shape (C, h, w).
    """
    height, width = scores.shape[1:]
    coefficients = _coefficients(num_steps)
    state = torch.stack([torch.zeros_like(scores), scores, coefficients[0] * scores])
    row_bytes = len(pair_offsets(radius)) * (width + radius) * scores.element_size()
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
            strip = make_walk(slice(start, stop)).chebyshev(
                state[..., start:stop, :], terms, first == 1
            )
            keep = slice(top - start, top - start + inner)
            advanced[..., top : top + inner, :] = strip[..., keep, :]
        state = advanced
    return state[2]


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


def cut_denormals(affinity: Tensor) -> Tensor:
    """Make affinities below 1e-20 zero, in place.

    They carry nothing, and products with them are numbers that processors compute ten
    times more slowly. Sharp boundaries, as trained networks give, make many.
    """
    return F.threshold_(affinity, 1e-20, 0.0)


def check_maps(**maps: Tensor) -> None:
    """Refuse maps that are no finite floating point (C, h, w) tensors.

    Raises:
        ValueError: Names the map.
    """
    for name, value in maps.items():
        if value.ndim != 3 or 0 in value.shape[1:] or not value.is_floating_point():
            raise ValueError(
                f'{name} must be a floating point (C, h, w) tensor that is not empty, '
                f'got {value.dtype} of shape {tuple(value.shape)}'
            )
        if not torch.isfinite(value).all():
            raise ValueError(f'{name} hold values that are not finite')
