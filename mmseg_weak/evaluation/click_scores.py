"""Scores of predictions at clicks, with the interval that so few pixels leave open."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClickScores:
    """How predictions agree with held-out clicks.

    Attributes:
        accuracy (float): Per cent of the clicks whose class is predicted there.
        iou (np.ndarray): (C,) IoU of each class in per cent, the clicks being the pixels;
            NaN for a class without a click.
        miou (float): Mean over the classes that have clicks.
        interval (tuple[float, float]): Of ``miou``, by bootstrap over images.
        clicks (np.ndarray): (C,) int64 clicks of each class.
    """

    accuracy: float
    iou: np.ndarray
    miou: float
    interval: tuple[float, float]
    clicks: np.ndarray


def score_clicks(
    image: np.ndarray,
    truth: np.ndarray,
    predicted: np.ndarray,
    num_classes: int,
    confidence: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
) -> ClickScores:
    """Score predictions at clicks.

    Clicks of one image resemble each other, so the bootstrap (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, percentile interval) draws images.

    Args:
        image (np.ndarray): (n,) number of the image of each click, from 0.
        truth (np.ndarray): (n,) class clicked.
        predicted (np.ndarray): (n,) class predicted there.
        num_classes (int): C.
        confidence (float): Of the interval, in (0, 1). Defaults to 0.95.
        rounds (int): Draws of the bootstrap. Defaults to 1000.
        seed (int): Of the draws. Defaults to 0.

    Returns:
        ClickScores: All of it.

    Raises:
        ValueError: There is no click.
    """
    if not len(image):
        raise ValueError('no click to score: the images have none')
    num_images = int(image.max()) + 1
    counts = np.zeros((3, num_images, num_classes))
    for plane, label in zip(counts, (truth, predicted, truth)):
        np.add.at(plane, (image, label), 1)
    counts[2] = 0
    right = truth == predicted
    np.add.at(counts[2], (image[right], truth[right]), 1)
    iou = _iou(*counts.sum(1))
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(num_images, np.full(num_images, 1 / num_images), size=rounds)
    drawn = np.stack([draws @ plane for plane in counts])
    means = _mean(_iou(*drawn))
    edges = np.nanquantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return ClickScores(
        accuracy=100 * float(right.mean()),
        iou=iou,
        miou=float(_mean(iou)),
        interval=(float(edges[0]), float(edges[1])),
        clicks=np.bincount(truth, minlength=num_classes),
    )


def _iou(clicked: np.ndarray, found: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Per cent; NaN where no click is of the class."""
    union = clicked + found - right
    return np.where(clicked > 0, 100 * right / np.maximum(union, 1), np.nan)


def _mean(iou: np.ndarray) -> np.ndarray:
    """Mean over the classes that have clicks; NaN where none has."""
    valid = ~np.isnan(iou)
    number = valid.sum(-1)
    total = np.where(valid, iou, 0).sum(-1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
