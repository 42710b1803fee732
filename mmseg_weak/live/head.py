"""A linear classifier of features, refitted after every click."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional as F

MAX_STEPS = 200
# Images that the common scale of the depths is measured on.
NUM_STANDARD = 8


@dataclass
class Samples:
    """What clicks say.

    Attributes:
        features (Tensor): (n, D) float32.
        labels (np.ndarray): (n,) class indices.
        weights (np.ndarray): (n,) > 0; of equal weight unless a scribble gave several.
        denied (np.ndarray): (n,) bool, the click says that its class is *not* there.
        groups (np.ndarray): (n,) index of the image, for cross-validation.
    """

    features: Tensor
    labels: np.ndarray
    weights: np.ndarray
    denied: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: np.ndarray) -> 'Samples':
        """Some of them, by mask or index."""
        rows = torch.as_tensor(np.arange(len(self))[chosen])
        columns = (self.labels, self.weights, self.denied, self.groups)
        return Samples(self.features[rows], *(column[chosen] for column in columns))


@dataclass
class Standard:
    """Brings features of several depths to a common scale.

    Every depth gets the same weight whatever its number of channels, then the weight of a
    profile.

    Attributes:
        mean, std (Tensor): (D,).
        depths (Sequence[int]): Channels of each depth, their sum is D.
    """

    mean: Tensor
    std: Tensor
    depths: Sequence[int]

    @classmethod
    def measure(cls, images: Sequence[Sequence[np.ndarray]]) -> 'Standard':
        """Measure on the maps of some images.

        Args:
            images (Sequence): Of each image the maps (c, h, w).
        """
        means, stds = [], []
        for maps in zip(*images):
            cells = np.concatenate([m.reshape(len(m), -1) for m in maps], 1)
            cells = torch.from_numpy(cells).float()
            means.append(cells.mean(1))
            stds.append(cells.std(1, correction=0) + 1e-3)
        return cls(torch.cat(means), torch.cat(stds), [len(m) for m in images[0]])

    def factors(self, profile: Sequence[float]) -> Tensor:
        """(D,) what the centred features are multiplied by."""
        shares = [
            torch.full((n,), weight / n**0.5) for n, weight in zip(self.depths, profile)
        ]
        return torch.cat(shares) / self.std


class LinearHead:
    """Multinomial logistic regression with a ridge, warm-started.

    The loss is the mean over classes of the mean cross-entropy of their clicks, plus
    :math:`-\\log(1 - p_c)` for clicks that deny class c, plus the ridge. Classes denied at
    one place are one set, :math:`-\\log(1 - \\sum_c p_c)`: places that deny different
    classes tell what is left. Without denials it is convex, so the result does not depend
    on the order of clicks beyond the tolerance of L-BFGS.

    Args:
        num_classes (int): C.
        ridge (float): Factor > 0 of half the squared norm of the weights.
    """

    def __init__(self, num_classes: int, ridge: float = 1e-3) -> None:
        self.num_classes, self.ridge = num_classes, ridge
        self.weight: Tensor | None = None
        self.bias = torch.zeros(num_classes)

    def fit(self, samples: Samples, start: 'LinearHead | None' = None) -> 'LinearHead':
        """Fit to clicks.

        Args:
            samples (Samples): At least one; features already scaled.
            start (LinearHead, optional): Where to start from. Defaults to zeros.

        Returns:
            LinearHead: Itself.
        """
        x = samples.features.double().numpy()
        basis = None
        if len(x) < x.shape[1]:
            # The best weights lie in the span of the clicks: solve there.
            basis, x = np.linalg.qr(x.T)
            x = x.T
        shape = (x.shape[1] + 1, self.num_classes)
        first = np.zeros(shape)
        if start is not None and start.weight is not None:
            weight = start.weight.double().numpy()
            first[:-1] = weight if basis is None else basis.T @ weight
            first[-1] = start.bias.double().numpy()
        problem = _Objective(x, samples, self.num_classes, self.ridge)
        result = minimize(
            problem,
            first.ravel(),
            jac=True,
            method='L-BFGS-B',
            options=dict(maxiter=MAX_STEPS, gtol=1e-6),
        )
        solution = result.x.reshape(shape)
        weight = solution[:-1] if basis is None else basis @ solution[:-1]
        self.weight = torch.from_numpy(weight).float()
        self.bias = torch.from_numpy(solution[-1]).float()
        return self

    def logits(self, features: Tensor) -> Tensor:
        """(n, D) scaled features to (n, C)."""
        return features @ self.weight + self.bias

    def map_logits(
        self, maps: Sequence[np.ndarray], standard: Standard, factors: Tensor, size: tuple
    ) -> Tensor:
        """Logits of every pixel.

        Args:
            maps (Sequence[np.ndarray]): (c, h, w) each.
            standard (Standard): Scale of the features.
            factors (Tensor): (D,) of the profile.
            size (tuple[int, int]): Height and width of the result.

        Returns:
            Tensor: (C, H, W) float32.
        """
        weight = (self.weight * factors[:, None]).split(list(standard.depths))
        shift = self.bias - standard.mean @ (self.weight * factors[:, None])
        finest = max((level.shape[1:] for level in maps), key=lambda shape: shape[0])
        total = shift[:, None, None]
        for level, part in zip(maps, weight):
            values = torch.from_numpy(level).float()
            here = (part.T @ values.flatten(1)).view(-1, *values.shape[1:])
            total = total + (here if values.shape[1:] == finest else _enlarge(here, finest))
        return _enlarge(total, size)


class _Objective:
    """Value and gradient for SciPy."""

    def __init__(self, x: np.ndarray, samples: Samples, classes: int, ridge: float) -> None:
        rows, place, self.possible = possible_classes(samples, classes)
        self.x, self.classes, self.ridge = x[rows], classes, ridge
        weights = samples.weights.astype(np.float64)
        key = samples.labels + classes * samples.denied
        sums = np.bincount(key, weights, 2 * classes)
        self.weights = np.bincount(place, weights / sums[key] / np.count_nonzero(sums))

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        params = flat.reshape(-1, self.classes)
        logits = self.x @ params[:-1] + params[-1]
        logits -= logits.max(1, keepdims=True)
        probs = np.exp(logits)
        probs /= probs.sum(1, keepdims=True)
        own = probs * self.possible
        total = np.maximum(own.sum(1, keepdims=True), 1e-300)
        value = -np.log(total[:, 0])
        grad = (probs - own / total) * self.weights[:, None]
        weight = params[:-1]
        slope = np.concatenate([self.x.T @ grad + self.ridge * weight, grad.sum(0)[None]])
        return self.weights @ value + 0.5 * self.ridge * (weight**2).sum(), slope.ravel()


def possible_classes(
    samples: Samples, classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What clicks leave possible; those that deny classes at one place are one set.

    Args:
        samples (Samples): n clicks. Equal features in an image are one place.
        classes (int): C.

    Returns:
        tuple: A click of each place, (m,); the place of each click, (n,); classes possible
        there, (m, C) bool. A place where all are denied says nothing, so all are possible.
    """
    first, denied = np.arange(len(samples)), np.flatnonzero(samples.denied)
    if len(denied):
        where = [samples.groups[denied], samples.features[denied].numpy()]
        _, found, place = np.unique(
            np.column_stack(where), axis=0, return_index=True, return_inverse=True
        )
        first[denied] = denied[found[place.ravel()]]
    rows, place = np.unique(first, return_inverse=True)
    possible = np.repeat(samples.denied[rows, None], classes, 1)
    possible[place, samples.labels] = ~samples.denied
    possible[~possible.any(1)] = True
    return rows, place, possible


def _enlarge(maps: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(maps[None], tuple(size), mode='bilinear', align_corners=False)[0]
