"""Boundary refinements with one call: ``(images, scores, sizes) -> scores``."""

import inspect
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from .dense_crf import check_crf_options, dense_crf
from .pixel_adaptive import PixelAdaptiveRefinement

CRF_OPTIONS = tuple(inspect.signature(dense_crf).parameters)[2:]


class DenseCRFRefinement:
    """:func:`~mmseg_weak.refinement.dense_crf` on batches of tensors, image by image.

    Runs on the CPU whatever the device of the tensors. Only channels with a score above 0
    somewhere in an image take part, so the work follows the classes of the image.

    Args:
        **options: Keyword arguments of :func:`~mmseg_weak.refinement.dense_crf`.

    Raises:
        ValueError: An option is unknown or out of range.
    """

    def __init__(self, **options) -> None:
        unknown = sorted(set(options) - set(CRF_OPTIONS))
        if unknown:
            raise ValueError(
                f'dense_crf has no option {unknown[0]!r}, only {", ".join(CRF_OPTIONS)}'
            )
        check_crf_options(**options)
        self.options = options

    @torch.no_grad()
    def __call__(
        self, images: Tensor, scores: Tensor, sizes: Tensor | None = None
    ) -> Tensor:
        """Refine scores.

        Args:
            images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
            scores (Tensor): Probabilities, shape (N, C, H, W).
            sizes (Tensor, optional): Height and width of the valid area in the top-left
                corner of each image, shape (N, 2). Defaults to None, all is valid.

        Returns:
            Tensor: Shape (N, C, H, W), 0 outside the valid area.
        """
        refined = torch.zeros_like(scores)
        pixels = (images * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu()
        areas = [images.shape[2:]] * len(images) if sizes is None else sizes.tolist()
        for i, (height, width) in enumerate(areas):
            valid = scores[i, :, :height, :width]
            classes = torch.nonzero(valid.flatten(1).amax(1) > 0)[:, 0]
            if not len(classes):
                continue
            image = np.ascontiguousarray(pixels[i, :height, :width].numpy())
            probs = valid[classes].float().cpu().numpy()
            result = torch.from_numpy(dense_crf(image, probs, **self.options))
            refined[i, classes, :height, :width] = result.to(scores)
        return refined


REFINEMENTS = {
    'PixelAdaptiveRefinement': PixelAdaptiveRefinement,
    'dense_crf': DenseCRFRefinement,
}


def build_refinement(config: Mapping | Callable | None) -> Callable | None:
    """Build a refinement from a config.

    Args:
        config (dict | Callable, optional): ``dict(type='PixelAdaptiveRefinement', …)`` or
            ``dict(type='dense_crf', …)`` with the options of either; a callable is
            returned as it is. Defaults to None.

    Returns:
        Callable | None: ``(images, scores, sizes) -> scores``, or None for no refinement.

    Raises:
        ValueError: The type or an option is unknown or out of range.
    """
    if config is None or callable(config):
        return config
    if not isinstance(config, Mapping):
        raise ValueError(
            f'a refinement is dict(type=...), a callable or None, got {config!r}'
        )
    options = dict(config)
    name = options.pop('type', None)
    if name not in REFINEMENTS:
        raise ValueError(
            f'unknown refinement {name!r}: choose None or a type of '
            f'{", ".join(REFINEMENTS)}'
        )
    try:
        return REFINEMENTS[name](**options)
    except TypeError as error:
        raise ValueError(f'refinement {name}: {error}') from None
