"""How good the model is, by clicks it did not see."""

from dataclasses import dataclass

import numpy as np
import torch

from ..evaluation.confusion import class_iou
from .head import LinearHead, Samples
from .model import LiveModel, group_folds

FOLDS = 5
DRAWS = 200


@dataclass
class ClickQuality:
    """Cross-validated agreement with the clicks.

    Attributes:
        miou (float): Mean over classes of the IoU of clicked points, each class weighing as
            if it had equally many clicks, in percent; NaN with fewer than two classes.
        interval (tuple[float, float]): 90 % bootstrap interval of it over images.
        accuracy (float): Share of held-out clicks that are right, in percent.
        iou (dict[str, float]): Class name to IoU, NaN without clicks.
        suspicious (list[int]): Positions of clicks that the others contradict, the surest
            first.
    """

    miou: float
    interval: tuple[float, float]
    accuracy: float
    iou: dict[str, float]
    suspicious: list[int]


def click_quality(
    model: LiveModel, samples: Samples, classes: list[str], seed: int = 0
) -> ClickQuality:
    """Cross-validate over the clicks; clicks of one image are held out together.

    Args:
        model (LiveModel): Its profile and ridge are used.
        samples (Samples): All clicks; those that deny a class are learnt from, not scored.
        classes (list[str]): Names.
        seed (int): Of folds and bootstrap. Defaults to 0.

    Returns:
        ClickQuality: NaN where there are too few clicks.
    """
    scaled = model.scaled(samples)
    probs = held_out_probs(scaled, len(classes), model.ridge, seed)
    kept = ~samples.denied & np.isfinite(probs[:, 0])
    truth, groups = samples.labels[kept], samples.groups[kept]
    guess = probs[kept].argmax(1) if kept.any() else truth
    rng = np.random.default_rng(seed)
    names = np.unique(groups)
    draws = []
    for _ in range(DRAWS if len(names) > 1 else 0):
        # Every image weighs as often as it was drawn.
        drawn = rng.choice(len(names), len(names))
        weight = np.bincount(drawn, minlength=len(names))[np.searchsorted(names, groups)]
        draws.append(_miou(truth, guess, len(classes), weight)[0])
    finite = [value for value in draws if np.isfinite(value)]
    interval = tuple(np.percentile(finite, (5, 95))) if finite else (np.nan, np.nan)
    miou, iou = _miou(truth, guess, len(classes), np.ones(len(truth)))
    return ClickQuality(
        miou=miou,
        interval=(float(interval[0]), float(interval[1])),
        accuracy=float(100 * (truth == guess).mean()) if len(truth) else float('nan'),
        iou=dict(zip(classes, iou.tolist())),
        suspicious=suspicious_clicks(probs, samples),
    )


def held_out_probs(
    scaled: Samples, num_classes: int, ridge: float, seed: int = 0
) -> np.ndarray:
    """Probabilities of every click by a head that did not see its image, (n, C).

    NaN where the head saw no click of the class: it could not have known.
    """
    probs = np.full((len(scaled), num_classes), np.nan)
    folds = group_folds(scaled.groups, FOLDS, seed)
    for fold in np.unique(folds):
        held = folds == fold
        if held.all():
            break
        head = LinearHead(num_classes, ridge).fit(scaled.take(~held))
        logits = head.logits(scaled.features[torch.from_numpy(held)])
        probs[held] = logits.softmax(1).numpy()
        unknown = held & ~np.isin(scaled.labels, scaled.labels[~held & ~scaled.denied])
        probs[unknown] = np.nan
    return probs


def suspicious_clicks(probs: np.ndarray, samples: Samples, most: float = 0.15) -> list[int]:
    """Clicks whose class the model of the other images finds least likely.

    Args:
        probs (np.ndarray): (n, C) held-out probabilities.
        samples (Samples): The clicks.
        most (float): Greatest probability of the own class. Defaults to 0.15.

    Returns:
        list[int]: Positions, the least likely first.
    """
    own = probs[np.arange(len(samples)), samples.labels]
    own = np.where(samples.denied, 1 - own, own)
    found = np.flatnonzero(own < most)
    return found[np.argsort(own[found], kind='stable')].tolist()


def _miou(
    truth: np.ndarray, guess: np.ndarray, count: int, weight: np.ndarray
) -> tuple[float, np.ndarray]:
    """Mean and each class's IoU, every clicked class weighing the same."""
    rows = np.zeros((count, count))
    np.add.at(rows, (truth, guess), weight)
    share = rows / np.maximum(rows.sum(1, keepdims=True), 1e-12)
    iou = class_iou(share)
    iou[rows.sum(1) == 0] = np.nan  # never clicked: nothing is known of it
    seen = np.isfinite(iou)
    return (float(iou[seen].mean()) if seen.sum() > 1 else float('nan')), iou
