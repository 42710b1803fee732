"""Points that say "not this class", brought into probabilities."""

from torch import Tensor

from .class_restriction import normalise


def move_off(probs: Tensor, exclusions: Tensor) -> Tensor:
    """Move the probability of excluded classes to the others, pixel by pixel.

    Args:
        probs (Tensor): Shape (N, C, H, W), >= 0.
        exclusions (Tensor): Image, row, column and excluded class, long, shape (K, 4).

    Returns:
        Tensor: Shape (N, C, H, W). An excluded class has 0 at its pixel and the others keep
        their proportions; where nothing remains, all are 0 (no label). ``probs`` itself
        where there are no exclusions.
    """
    if not len(exclusions):
        return probs
    image, row, column, label = exclusions.to(probs.device).unbind(dim=1)
    moved = probs.clone()
    moved[image, label, row, column] = 0
    moved[image, :, row, column] = normalise(moved[image, :, row, column])
    return moved
