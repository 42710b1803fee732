"""What is known of an image, brought into probabilities."""

import torch
from torch import Tensor

RESTRICTIONS = (None, 'renormalise', 'foreground')


def restrict_probabilities(
    probs: Tensor,
    image_classes: Tensor,
    mode: str | None = 'renormalise',
    background_prior: float = 1.0,
    background: int | None = 0,
) -> Tensor:
    """Keep the classes an image may hold, weigh the background, renormalise.

    The form on probabilities of
    :func:`~mmseg_weak.models.seminar.teacher_logits.restrict_logits`,
    ``restrict_foreground`` and ``scale_class_prior``.

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
        image_classes = image_classes.to(probs.device)
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


def normalise(scores: Tensor) -> Tensor:
    """Divide scores (N, C, H, W) by their sum over the classes; zeros stay zeros."""
    total = scores.sum(dim=1, keepdim=True)
    return scores / total.clamp(min=torch.finfo(scores.dtype).tiny)
