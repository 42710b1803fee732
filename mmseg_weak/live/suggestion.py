"""Where the next click of a session would help most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .pyramid import sample_maps

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


if TYPE_CHECKING:
    from .session import LiveSession

# Places tried in an image, and images looked at; more would make a click wait.
NUM_PLACES, NUM_IMAGES = 48, 100
# Images whose masks are refined before the last choice: refinement settles much of what
# the head alone is unsure of, and takes a quarter of a second an image.
NUM_REFINED = 3
BLIND = ('random', 'coverage')  # rules that do not look at probabilities
DEFAULT_RULE = 'balanced_margin'


@dataclass
class Suggestion:
    """Where to click next.

    Attributes:
        image (str): Image id.
        x, y (float): In pixels.
        reason (str): Why.
        probs (dict[str, float]): What the model takes the place for.
    """

    image: str
    x: float
    y: float
    reason: str
    probs: dict[str, float]


def suggest(
    session: LiveSession, rule: str = DEFAULT_RULE, image: str | None = None
) -> Suggestion:
    """The best of some places of images whose features are there, by the masks as shown.

    The same clicks and seed give the same place.

    Args:
        session (LiveSession): The clicks.
        rule (str): A key of :data:`~mmseg_weak.live.suggestion.RULES`.
        image (str, optional): Only in this image. Defaults to None, in all.

    Returns:
        Suggestion: Place and reason; a random place while there is no click.

    Raises:
        ValueError: The rule or the image is unknown.
    """
    if rule not in RULES:
        raise ValueError(f'unknown rule {rule!r}: choose one of {", ".join(RULES)}')
    rng = np.random.default_rng([session.seed, session.journal.version])
    images = [image] if image else _ready_images(session, rng)
    drawn = [(name, rng.random((NUM_PLACES, 2))) for name in images]
    places = [(name, place) for name, some in drawn for place in some]
    if not session.clicks:
        return _suggestion(session, *places[rng.integers(len(places))], REASONS['random'])
    features = torch.cat([sample_maps(session.maps(name), some) for name, some in drawn])
    candidates = _candidates(session, features, rng)
    scores = RULES[rule](candidates)
    if rule not in BLIND:
        rows = _best_images(scores)
        places = [places[i] for i in rows]
        candidates = _as_shown(session, candidates, places, rows)
        scores = RULES[rule](candidates)
    best = int(np.argmax(scores))
    probs = dict(zip(session.classes, candidates.probs[best].tolist()))
    return _suggestion(session, *places[best], REASONS[rule], probs)


def _best_images(scores: np.ndarray) -> np.ndarray:
    """Rows of the places of the few images with the best one each."""
    best = scores.reshape(-1, NUM_PLACES).max(1)
    images = np.argsort(-best, kind='stable')[:NUM_REFINED]
    return np.arange(len(scores)).reshape(-1, NUM_PLACES)[images].ravel()


def _as_shown(
    session: LiveSession, candidates: Candidates, places: list, rows: np.ndarray
) -> Candidates:
    """Some of the candidates, with the probabilities that the page shows."""
    shown = []
    for start in range(0, len(places), NUM_PLACES):
        some = places[start : start + NUM_PLACES]
        maps = [session.probabilities(some[0][0]).numpy()]
        shown.append(sample_maps(maps, np.stack([place for _, place in some])))
    features = candidates.features[torch.from_numpy(rows)]
    return replace(candidates, probs=torch.cat(shown), features=features)


def _ready_images(session: LiveSession, rng: np.random.Generator) -> list[str]:
    """Images whose features are there: a suggestion must not wait for a network."""
    photos = session.photos
    ready = [name for name in session.images if session.cache.has(str(photos / name))]
    images = ready or session.images[:1]
    if len(images) > NUM_IMAGES:
        chosen = rng.choice(len(images), NUM_IMAGES, replace=False)
        images = [images[i] for i in sorted(chosen)]
    return images


def _candidates(
    session: LiveSession, features: Tensor, rng: np.random.Generator
) -> Candidates:
    model, samples = session.model(), session.samples()
    logits = model.logits(features)
    centre, factors = model.standard.mean, model.factors
    return Candidates(
        logits.softmax(1),
        (features - centre) * factors,
        (samples.features - centre) * factors,
        np.bincount(samples.labels[~samples.denied], minlength=len(session.classes)),
        rng,
    )


def _suggestion(
    session: LiveSession,
    image: str,
    place: np.ndarray,
    reason: str,
    probs: dict | None = None,
) -> Suggestion:
    height, width = session.size(image)
    x, y = np.floor(place * (width, height)) + 0.5
    return Suggestion(image, float(x), float(y), reason, probs or {})
