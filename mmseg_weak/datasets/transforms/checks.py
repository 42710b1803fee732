"""Refuse pipelines that would part the clicks from their image."""

from collections.abc import Iterable, Iterator

from mmcv.transforms import BaseTransform, KeyMapper, LoadAnnotations, TransformBroadcaster

from .probe import parts_clicks

# What to do instead of transforms of mmcv and mmseg, and of classes derived from them.
INSTEAD = {
    'RandomCrop': 'leaves the clicks behind; use ClickRandomCrop',
    'CenterCrop': 'moves outside clicks to the border; use ClickRandomCrop',
    'RandomRotate': 'leaves the clicks behind; use RandomFlip and RandomResize',
    'RandomRotFlip': 'leaves the clicks behind; use RandomFlip and RandomResize',
    'RandomMosaic': 'leaves the clicks behind; take it out',
    'ResizeToMultiple': 'leaves the clicks behind; use Resize',
}
STAGES = {
    'before': 'changes the image before LoadClicks; put LoadClicks right behind '
    'LoadImageFromFile',
    'on the way': 'parts the clicks from the image; let it move '
    "results['gt_bboxes'], whose last rows are the clicks, or use Resize, RandomResize, "
    'RandomFlip and ClickRandomCrop',
    'behind': 'moves the image behind RasterizeClicks, where clicks stay; put it before '
    'RasterizeClicks',
}


def walk_transforms(
    transforms: Iterable[BaseTransform],
) -> Iterator[BaseTransform]:
    """Yield all transforms of a pipeline, those inside wrappers as well."""
    for transform in transforms:
        yield transform
        yield from walk_transforms(_inner(transform))


def _inner(transform: BaseTransform) -> Iterable[BaseTransform]:
    """What a wrapper holds: one pipeline, or a list of them as ``RandomChoice`` does."""
    inner = getattr(transform, 'transforms', ())
    return inner if isinstance(inner, Iterable) else (inner,)


def check_click_pipeline(transforms: Iterable[BaseTransform]) -> None:
    """Refuse transforms that move the image but not the clicks.

    Each is tried on a dark picture with one bright square and its click, see
    :mod:`~mmseg_weak.datasets.transforms.probe`; the states of the random generators stay
    as they are.

    Args:
        transforms (Iterable): Transforms of a training pipeline.

    Raises:
        ValueError: One is unfit; the message says what to use instead.
    """
    steps = list(_steps(transforms))
    names = [type(step).__name__ for step in steps]
    stage = 'before' if 'LoadClicks' in names else 'on the way'
    for transform, name in zip(steps, names):
        if isinstance(transform, LoadAnnotations) and getattr(transform, 'with_seg', True):
            raise ValueError(
                f'{name} reads masks, which a click data set does not have; use LoadClicks'
            )
        if name == 'LoadClicks':
            stage = 'on the way'
        elif name == 'RasterizeClicks':
            stage = 'behind'
        elif name == 'RandomMosaic' or parts_clicks(transform, stage):
            raise ValueError(f'{name} {_remedy(transform, stage)}')


def _steps(transforms: Iterable[BaseTransform]) -> Iterator[BaseTransform]:
    """What can be tried alone; inside a wrapper that renames keys nothing can."""
    for transform in transforms:
        inner = list(_inner(transform))
        whole = isinstance(transform, (KeyMapper, TransformBroadcaster))
        if whole or not inner:
            yield transform
        else:
            yield from _steps(inner)


def _remedy(transform: BaseTransform, stage: str) -> str:
    if stage != 'before':
        for base in type(transform).__mro__:
            if base.__name__ in INSTEAD:
                return INSTEAD[base.__name__]
    return STAGES[stage]
