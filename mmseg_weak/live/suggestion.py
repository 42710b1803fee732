"""Where the next click of a session would help most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .next_click import REASONS, RULES, Candidates
from .pyramid import sample_maps

if TYPE_CHECKING:
    from .session import LiveSession

# Places tried in an image, and images looked at; more would make a click wait.
NUM_PLACES, NUM_IMAGES = 48, 100
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
    """The best of some places of images whose features are there.

    The same clicks and seed give the same place.

    Args:
        session (LiveSession): The clicks.
        rule (str): A key of :data:`~mmseg_weak.live.next_click.RULES`.
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
    best = int(np.argmax(RULES[rule](candidates)))
    probs = dict(zip(session.classes, candidates.probs[best].tolist()))
    return _suggestion(session, *places[best], REASONS[rule], probs)


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
    logits = session.without_unclicked(model.logits(features).T.clone()).T
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
