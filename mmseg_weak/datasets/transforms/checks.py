"""Refuse pipelines that would part the clicks from their image."""

from collections.abc import Iterable, Iterator

from mmcv.transforms import BaseTransform

# Transforms of mmcv and mmseg that a click cannot pass, and what to do instead.
UNFIT_FOR_CLICKS = {
    'LoadAnnotations': 'reads masks, which a click data set does not have; use LoadClicks',
    'RandomCrop': 'leaves the clicks behind; use ClickRandomCrop',
    'CenterCrop': 'moves outside clicks to the border; use ClickRandomCrop',
    'RandomRotate': 'leaves the clicks behind; use RandomFlip and RandomResize',
    'RandomRotFlip': 'leaves the clicks behind; use RandomFlip and RandomResize',
    'RandomMosaic': 'leaves the clicks behind',
    'ResizeToMultiple': 'leaves the clicks behind; use Resize',
}
# Transforms that move pixels: both views of an image must have one geometry.
GEOMETRIC = {
    *UNFIT_FOR_CLICKS,
    'ClickRandomCrop',
    'Pad',
    'RandomChoiceResize',
    'RandomFlip',
    'RandomResize',
    'Resize',
    'ResizeShortestEdge',
}


def walk_transforms(
    transforms: Iterable[BaseTransform],
) -> Iterator[BaseTransform]:
    """Yield all transforms of a pipeline, those inside wrappers as well."""
    for transform in transforms:
        yield transform
        yield from walk_transforms(getattr(transform, 'transforms', ()))


def check_click_pipeline(transforms: Iterable[BaseTransform]) -> None:
    """Refuse transforms that move the image but not the clicks.

    Args:
        transforms (Iterable): Transforms of a training pipeline.

    Raises:
        ValueError: One is unfit; the message says what to use instead.
    """
    for transform in walk_transforms(transforms):
        reason = UNFIT_FOR_CLICKS.get(type(transform).__name__)
        if reason:
            raise ValueError(f'{type(transform).__name__} {reason}')
