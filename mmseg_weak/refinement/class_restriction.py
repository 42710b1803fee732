"""What is known of an image, brought into probabilities."""

import math

import torch
from torch import Tensor


def restrict_probabilities(
    probs: Tensor,
    image_classes: Tensor,
    mode: str | None = 'renormalise',
    background_prior: float = 1.0,
    background: int | None = 0,
) -> Tensor:
    """Keep the classes an image may hold, weigh the background, renormalise.

    Plain renormalisation hands the probability of an excluded class to the others in
    proportion, most of it to background: a dog taken for half a cat becomes background.
    ``foreground`` lets the background keep its own.

    Args:
        probs (Tensor): Shape (N, C, H, W), >= 0.
        image_classes (Tensor): Bool, shape (N, C). A row without any class stands for an
            image of which nothing is known, and excludes nothing; background is in all
            others, marked or not.
        mode (str, optional): ``renormalise`` divides what remains by its sum.
            ``foreground`` first gives the excluded probability to the foreground classes
            of the image, so the background keeps its own. None excludes nothing.
        background_prior (float): Factor > 0 on the background odds. Defaults to 1.
        background (int, optional): Index of the background class, None if there is none.
            Defaults to 0.

    Returns:
        Tensor: Shape (N, C, H, W). Sums to 1 over the classes, or to 0 where no class that
        remains has any probability.
    """
    kept = probs
    if mode is not None:
        image_classes = image_classes.to(probs.device, non_blocking=True)
        known = image_classes | ~image_classes.any(dim=1, keepdim=True)
        if background is not None:
            known[:, background] = True
        kept = torch.where(known[:, :, None, None], probs, 0.0)
    factor = None
    if mode == 'foreground':
        lost = probs.sum(dim=1, keepdim=True) - kept.sum(dim=1, keepdim=True)
        foreground = kept.sum(dim=1, keepdim=True) - kept[:, background, None]
        factor = torch.where(foreground > 0, 1 + lost / foreground, 1.0)
        factor = factor.expand_as(kept).clone()
        factor[:, background] = 1
    if background_prior != 1:
        factor = torch.ones_like(kept) if factor is None else factor
        factor[:, background] = background_prior
    kept = kept if factor is None else kept * factor
    return normalise(kept)


def restrict_logits(
    logits: Tensor,
    image_classes: Tensor,
    mode: str | None = 'renormalise',
    background_prior: float = 1.0,
    background: int | None = 0,
) -> Tensor:
    """:func:`restrict_probabilities` on logits, where nothing underflows.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        image_classes (Tensor): Bool, shape (N, C), with background and without empty rows.
        mode, background_prior, background: See :func:`restrict_probabilities`.

    Returns:
        Tensor: Shape (N, C, H, W), ``-inf`` where excluded.
    """
    restricted = logits
    if mode is not None:
        absent = ~image_classes.to(logits.device, non_blocking=True)
        restricted = logits.masked_fill(absent[:, :, None, None], -math.inf)
    if mode == 'foreground':
        foreground = [c for c in range(logits.shape[1]) if c != background]
        everything = logits[:, foreground].logsumexp(dim=1, keepdim=True)
        remaining = restricted[:, foreground].logsumexp(dim=1, keepdim=True)
        shift = torch.where(remaining.isfinite(), everything - remaining, 0)
        shift = shift.expand_as(logits).clone()
        shift[:, background] = 0
        restricted = restricted + shift
    if background_prior != 1:
        offset = logits.new_zeros(logits.shape[1])
        offset[background] = math.log(background_prior)
        restricted = restricted + offset[None, :, None, None]
    return restricted


def exclude_logits(logits: Tensor, exclusions: Tensor, size: tuple[int, int]) -> Tensor:
    """:func:`move_off` on logits of another size than the image.

    Args:
        logits (Tensor): Shape (N, C, h, w).
        exclusions (Tensor): Image, row, column and excluded class, long, shape (K, 4).
        size (tuple[int, int]): Height and width that rows and columns count in.

    Returns:
        Tensor: Shape (N, C, h, w), ``-inf`` for the class in the cell of the pixel; a cell
        without any other class keeps its logits.
    """
    image, row, column, label = exclusions.to(logits.device).unbind(dim=1)
    height, width = logits.shape[2:]
    row, column = row * height // size[0], column * width // size[1]
    excluded = logits.clone()
    excluded[image, label, row, column] = -math.inf
    something = excluded.isfinite().any(dim=1, keepdim=True)
    return torch.where(something, excluded, logits)


def normalise(scores: Tensor) -> Tensor:
    """Divide scores (N, C, H, W) by their sum over the classes; zeros stay zeros."""
    total = scores.sum(dim=1, keepdim=True)
    return scores / total.clamp(min=torch.finfo(scores.dtype).tiny)


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
