"""What all refinements are: ``(images, scores, sizes) -> scores``.

A refinement is any callable that takes RGB images in [0, 1], shape (N, 3, H, W), scores,
shape (N, C, H, W), and optionally the height and width of the valid area in the top-left
corner of each image, shape (N, 2); it returns scores of the same shape. One that needs more
names it in ``needs`` and gets it by keyword:

- ``clicks``: labels of the clicked pixels, shape (N, H, W), 255 elsewhere;
- ``image_ids``: the names of the images, to find files beside them.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..registry import REFINEMENTS

Refinement = Callable[..., Tensor]


def build_refinement(
    config: Mapping | Sequence | Callable | None, role: str = 'refinement'
) -> Refinement | None:
    """Build a refinement from a config.

    Args:
        config (dict | Callable, optional): ``dict(type=...)``, a name registered in
            :data:`mmseg_weak.registry.REFINEMENTS`, with its options; a callable is
            returned as it is. A list of these is one after the other. Defaults to None.
        role (str): What it is called in errors. Defaults to ``refinement``.

    Returns:
        Callable | None: The refinement, or None for none.

    Raises:
        FileNotFoundError: A file that it names does not exist.
        ValueError: The type or an option is unknown or out of range.
    """
    if config is None or callable(config):
        return config
    if isinstance(config, Sequence) and not isinstance(config, str):
        return RefinementChain([build_refinement(step, role) for step in config])
    if not isinstance(config, Mapping):
        raise ValueError(f'a {role} is dict(type=...), a callable or None, got {config!r}')
    options = dict(config)
    name = options.pop('type', None)
    kind = REFINEMENTS.module_dict.get(name)
    if kind is None:
        raise ValueError(
            f'unknown {role} {name!r}: choose one of {", ".join(REFINEMENTS.module_dict)}'
        )
    try:
        return kind(**options)
    except TypeError as error:
        raise ValueError(f'{role} {name}: {error}') from None


def refine_scores(
    refine: Refinement,
    images: Tensor,
    scores: Tensor,
    sizes: Tensor | None = None,
    **context: Any,
) -> Tensor:
    """Call a refinement with what it needs of what is known.

    Args:
        refine (Callable): The refinement. One of images and scores only, that is without
            ``sizes``, is called image by image where sizes differ.
        images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
        scores (Tensor): Shape (N, C, H, W).
        sizes (Tensor, optional): Valid areas, shape (N, 2), >= 1. What is returned outside
            is meaningless. Defaults to None, all is valid.
        **context: ``clicks`` and ``image_ids``, None where unknown.

    Returns:
        Tensor: Shape (N, C, H, W).

    Raises:
        ValueError: It needs what is not known here.
    """
    needs = getattr(refine, 'needs', ())
    for name in needs:
        if context.get(name) is None:
            raise ValueError(
                f'{type(refine).__name__} needs {name}, and there are none here'
            )
    wanted = {name: context[name] for name in needs}
    if sizes is None:
        return refine(images, scores, **wanted)
    if not _takes_sizes(refine):
        return each_image(refine, images, scores, sizes, **wanted)
    return refine(images, scores, sizes, **wanted)


def each_image(
    refine: Refinement,
    images: Tensor,
    scores: Tensor,
    sizes: Tensor | None = None,
    **context: Tensor | Sequence,
) -> Tensor:
    """Call a function with the valid area of one image after the other.

    Args:
        refine (Callable): Of images (1, 3, h, w), scores (1, C, h, w) and the context.
        images, scores, sizes: See :func:`refine_scores`.
        **context (Tensor | Sequence): Per image; tensors are cropped like the images.

    Returns:
        Tensor: Shape (N, C, H, W), 0 outside the valid areas.
    """
    refined = torch.zeros_like(scores)
    areas = [images.shape[2:]] * len(images) if sizes is None else sizes.tolist()
    for i, (height, width) in enumerate(areas):
        area = (slice(i, i + 1), ..., slice(height), slice(width))
        one = {
            name: value[area] if isinstance(value, Tensor) else value[i : i + 1]
            for name, value in context.items()
        }
        refined[area] = refine(images[area], scores[area], **one).to(scores)
    return refined


class ImageByImage:
    """Base of refinements that see one image at a time; write :meth:`refine_image`."""

    needs: tuple[str, ...] = ()

    def refine_image(self, image: Tensor, scores: Tensor, **context) -> Tensor:
        """Refine scores of one image, all of it valid.

        Args:
            image (Tensor): RGB in [0, 1], shape (1, 3, H, W).
            scores (Tensor): Shape (1, C, H, W).
            **context: What ``needs`` names, of this image.

        Returns:
            Tensor: Shape (1, C, H, W).
        """
        raise NotImplementedError

    @torch.no_grad()
    def __call__(
        self, images: Tensor, scores: Tensor, sizes: Tensor | None = None, **context
    ) -> Tensor:
        """Refine scores; arguments as of :func:`refine_scores`, 0 outside the areas."""
        return each_image(self.refine_image, images, scores, sizes, **context)


class RefinementChain:
    """Refinements one after the other.

    Args:
        steps (Sequence[Callable]): Their order.
    """

    def __init__(self, steps: Sequence[Refinement]) -> None:
        self.steps = list(steps)
        needs = (name for step in self.steps for name in getattr(step, 'needs', ()))
        self.needs = tuple(dict.fromkeys(needs))

    def __call__(
        self, images: Tensor, scores: Tensor, sizes: Tensor | None = None, **context
    ) -> Tensor:
        """Refine scores; arguments as of :func:`refine_scores`."""
        for step in self.steps:
            scores = refine_scores(step, images, scores, sizes, **context)
        return scores


def _takes_sizes(refine: Refinement) -> bool:
    call = refine.forward if isinstance(refine, nn.Module) else refine
    try:
        inspect.signature(call).bind_partial(None, None, None)
    except TypeError:
        return False
    except ValueError:  # a callable without a signature
        return True
    return True
