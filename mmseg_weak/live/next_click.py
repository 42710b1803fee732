"""Where the next click would help most: rules over candidate places.

Every rule is a plain function of :class:`Candidates`; a higher score is a better place.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

EPS = 1e-12


@dataclass
class Candidates:
    """Places that might be clicked.

    Attributes:
        probs (Tensor): (n, C) of the present model.
        features (Tensor): (n, D), scaled.
        clicked (Tensor): (m, D) features of the clicks so far, scaled.
        class_counts (np.ndarray): (C,) clicks of each class so far.
        rng (np.random.Generator): For rules that draw.
    """

    probs: Tensor
    features: Tensor
    clicked: Tensor
    class_counts: np.ndarray
    rng: np.random.Generator


def random_place(places: Candidates) -> np.ndarray:
    """Any place."""
    return places.rng.random(len(places.probs))


def margin(places: Candidates) -> np.ndarray:
    """Where the two likeliest classes are nearest: 1 - (p1 - p2)."""
    if places.probs.shape[1] < 2:
        return np.zeros(len(places.probs))
    first, second = places.probs.topk(2, dim=1).values.T
    return (1 - first + second).numpy()


def entropy(places: Candidates) -> np.ndarray:
    """Where the classes are most mixed, -sum p log p."""
    return -(places.probs * places.probs.clamp(min=EPS).log()).sum(1).numpy()


def balanced_margin(places: Candidates) -> np.ndarray:
    """Margin, more for places whose likeliest class has few clicks."""
    counts = places.class_counts + 1.0
    rare = (counts.mean() / counts) ** 0.5
    return margin(places) * rare[places.probs.argmax(1).numpy()]


def coverage(places: Candidates) -> np.ndarray:
    """Distance of the features to the nearest click: what was never shown."""
    if not len(places.clicked):
        return random_place(places)
    return torch.cdist(places.features, places.clicked).min(1).values.numpy()


def expected_change(places: Candidates) -> np.ndarray:
    """Expected length of the loss's gradient, ``|x| sum_c p_c |p - e_c|``.

    Expected gradient length of Settles, Craven and Ray (NeurIPS 2008) for a linear head.
    """
    probs = places.probs
    square = probs.square().sum(1, keepdim=True)
    length = (square - 2 * probs + 1).clamp(min=0).sqrt()
    return ((probs * length).sum(1) * places.features.norm(dim=1)).numpy()


def covered_margin(places: Candidates) -> np.ndarray:
    """Balanced margin times coverage: unsure *and* unlike the clicks so far."""
    return balanced_margin(places) * coverage(places)


RULES: dict[str, Callable[[Candidates], np.ndarray]] = dict(
    random=random_place,
    margin=margin,
    entropy=entropy,
    balanced_margin=balanced_margin,
    coverage=coverage,
    expected_change=expected_change,
    covered_margin=covered_margin,
)
REASONS = dict(
    random='a place drawn at random',
    margin='two classes are nearly as likely here',
    entropy='the classes are mixed here',
    balanced_margin='unsure, and the likeliest class has few clicks',
    coverage='nothing like this was clicked yet',
    expected_change='a click here would change the model most',
    covered_margin='unsure, and nothing like this was clicked yet',
)
