"""Which depths count and how much: a head with its scale, chosen on held-out clicks."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..refinement import PixelAdaptiveRefinement
from .head import LinearHead, Samples, Standard, possible_classes

# Weight of each depth, from fine to coarse. Things told apart by texture need fine maps,
# things told apart by shape coarse ones; a session finds out which by its own clicks.
PROFILES = dict(
    fine=(1.0, 1.0, 1.0, 1.0, 1.0),
    flat=(0.0, 1.0, 1.0, 1.0, 1.0),
    deep=(0.0, 0.3, 0.5, 1.0, 1.0),
)
FOLDS = 3
# Fewer clicks say nothing about a profile; more are sampled, to keep the choice quick.
LEAST, MOST = 12, 400


class LiveModel:
    """A standard scale, a profile and a head.

    Args:
        standard (Standard): Scale of the features.
        num_classes (int): C.
        ridge (float): See :class:`~mmseg_weak.live.head.LinearHead`.
        profile (str, optional): A key of ``PROFILES``. Defaults to None: chosen by
            cross-validation each time the number of clicks has doubled.
        seed (int): Of the folds. Defaults to 0.
        background (int, optional): Class of what shows none of the others: where clicks
            say that another class is not there, it needs no click of its own. Defaults to
            None, there is no such class.
    """

    def __init__(
        self,
        standard: Standard,
        num_classes: int,
        ridge: float = 1e-3,
        profile: str | None = None,
        seed: int = 0,
        background: int | None = None,
    ) -> None:
        self.background = background
        self.standard, self.num_classes, self.ridge = standard, num_classes, ridge
        self.fixed, self.seed = profile is not None, seed
        self.profile = profile or 'flat'
        self.head: LinearHead | None = None
        self._absent: list[int] = []
        self._chosen_at = 0

    @property
    def factors(self) -> Tensor:
        """(D,) of the present profile."""
        return self._factors(self.profile)

    def fit(self, samples: Samples) -> None:
        """Fit to all clicks; the profile is chosen anew when they have doubled.

        Args:
            samples (Samples): Features as they are in the maps.
        """
        if not self.fixed and len(samples) >= max(LEAST, 2 * self._chosen_at):
            self._chosen_at = len(samples)
            before, self.profile = self.profile, self.choose(samples)
            if before != self.profile:
                self.head = None
        possible = possible_classes(samples, self.num_classes)[2]
        count = possible.sum(1)
        told = possible[count == 1].any(0)
        # Where nothing is named there may be nothing but what things are not.
        if self.background is not None and told.any():
            told[self.background] |= possible[
                count < self.num_classes, self.background
            ].any()
        self._absent = np.flatnonzero(~told).tolist() if told.any() else []
        start, self.head = self.head, LinearHead(self.num_classes, self.ridge)
        self.head.fit(self.scaled(samples), start)

    def scaled(self, samples: Samples, profile: str | None = None) -> Samples:
        """Samples with scaled features."""
        factors = self._factors(profile or self.profile)
        features = (samples.features - self.standard.mean) * factors
        return replace(samples, features=features)

    def map_logits(self, maps: Sequence[np.ndarray], size: tuple[int, int]) -> Tensor:
        """Logits (C, H, W) of an image from its maps, -inf of classes without a click."""
        logits = self.head.map_logits(maps, self.standard, self.factors, size)
        logits[self._absent] = -torch.inf
        return logits

    def probabilities(
        self,
        maps: Sequence[np.ndarray],
        image: np.ndarray,
        seen: tuple[int, int],
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Probabilities of the pixels of an image, refined along its colours.

        Args:
            maps (Sequence[np.ndarray]): (c, h, w) each.
            image (np.ndarray): RGB, (H, W, 3) uint8, of any size.
            seen (tuple[int, int]): Height and width that the network sees.
            size (tuple[int, int], optional): Height and width of the result. Defaults to
                what the network sees.

        Returns:
            Tensor: (C, h, w), sum 1.
        """
        probs = follow_colours(image, self.map_logits(maps, seen).softmax(0))
        if size is None or size == seen:
            return probs
        return interpolate(probs[None], size, mode='bilinear')[0]

    def logits(self, features: Tensor) -> Tensor:
        """(n, D) features as they are in the maps to (n, C); -inf as in the maps."""
        logits = self.head.logits((features - self.standard.mean) * self.factors)
        logits[:, self._absent] = -torch.inf
        return logits

    def choose(self, samples: Samples) -> str:
        """The profile whose heads predict held-out clicks best.

        Args:
            samples (Samples): All clicks.

        Returns:
            str: A key of ``PROFILES``; the present one where nothing tells them apart.
        """
        rng = np.random.default_rng(self.seed)
        if len(samples) > MOST:
            samples = samples.take(np.sort(rng.permutation(len(samples))[:MOST]))
        folds = group_folds(samples.groups, FOLDS, self.seed)
        scores = {self.profile: None, **dict.fromkeys(PROFILES)}
        for name in scores:
            scores[name] = self._held_out(self.scaled(samples, name), folds)
        return max(scores, key=scores.get)

    def _held_out(self, samples: Samples, folds: np.ndarray) -> float:
        """Minus the class-balanced cross-entropy of held-out clicks."""
        total = np.zeros(self.num_classes)
        count = np.zeros(self.num_classes)
        for fold in np.unique(folds):
            rest, held = samples.take(folds != fold), samples.take(folds == fold)
            if not len(rest) or not len(held):
                continue
            head = LinearHead(self.num_classes, self.ridge).fit(rest)
            log_probs = head.logits(held.features).log_softmax(1)
            rows = torch.arange(len(held))
            values = log_probs[rows, torch.from_numpy(held.labels)].numpy()
            kept = ~held.denied
            total += np.bincount(held.labels[kept], values[kept], self.num_classes)
            count += np.bincount(held.labels[kept], minlength=self.num_classes)
        seen = count > 0
        return float((total[seen] / count[seen]).mean()) if seen.any() else -np.inf

    def _factors(self, profile: str) -> Tensor:
        weights = PROFILES[profile]
        depths = len(self.standard.depths)
        # Another network may have fewer depths: the coarse ones are what it shares.
        return self.standard.factors((weights[-depths:] + (1.0,) * depths)[:depths])


def group_folds(groups: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Fold of each click; clicks of an image stay together where there are enough images.

    Args:
        groups (np.ndarray): (n,) image of each click.
        count (int): Number of folds.
        seed (int): Of the draw.

    Returns:
        np.ndarray: (n,) from 0 to count - 1.
    """
    rng = np.random.default_rng(seed)
    names, index = np.unique(groups, return_inverse=True)
    if len(names) >= 2 * count:
        return (rng.permutation(len(names)) % count)[index]
    return rng.permutation(len(groups)) % count


# Classes that are nowhere the likeliest nor likelier than this take no part: many classes
# cost no more than the few that an image shows.
LIKELY = 0.25
_REFINE = PixelAdaptiveRefinement()


def follow_colours(image: np.ndarray, probs: Tensor) -> Tensor:
    """Pixel-adaptive refinement in the size of the probabilities.

    Args:
        image (np.ndarray): RGB, (H, W, 3) uint8, of any size.
        probs (Tensor): (C, h, w), sum 1 over the classes.

    Returns:
        Tensor: (C, h, w), sum 1.
    """
    height, width = probs.shape[1:]
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    pixels = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    likely = probs.flatten(1).amax(1) > LIKELY
    likely[probs.argmax(0).unique()] = True
    result = torch.zeros_like(probs)
    result[likely] = _REFINE(pixels, probs[likely][None])[0]
    return result / result.sum(0, keepdim=True).clamp(min=1e-6)
