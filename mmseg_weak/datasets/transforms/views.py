"""Two photometric views of one geometry, for teacher and student."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PhotometricViews(BaseTransform):
    """Make a weak view (teacher) and a strong view (student) of the same pixels.

    Put it after all geometry. Only ``results['img']`` reaches the transforms, so
    labels cannot change; a transform that changes the image's shape is refused.

    Required Keys: img

    Modified Keys: img (weak view)

    Added Keys: img_strong (strong view, same shape as img)

    Args:
        strong (Sequence[dict]): Photometric transforms of the student's view.
        weak (Sequence[dict]): Photometric transforms of the teacher's view, applied
            before the strong ones as well when ``shared_weak``. Defaults to ().
    """

    def __init__(self, strong: Sequence[dict], weak: Sequence[dict] = ()) -> None:
        if not strong:
            raise ValueError('PhotometricViews needs at least one strong transform')
        self.strong = Compose([TRANSFORMS.build(t) for t in strong])
        self.weak = Compose([TRANSFORMS.build(t) for t in weak])

    def transform(self, results: dict) -> dict:
        """Add the two views."""
        image = results['img']
        results['img_strong'] = self._view(image, self.strong)
        results['img'] = self._view(image, self.weak)
        return results

    def _view(self, image: np.ndarray, transforms: Compose) -> np.ndarray:
        shape = image.shape
        # Own copy: photometric transforms may work in place.
        view = transforms(dict(img=image.copy(), img_shape=shape[:2]))['img']
        if view.shape != shape:
            raise ValueError(
                f'PhotometricViews: {transforms} turned {shape} into {view.shape}; '
                'put geometric transforms before PhotometricViews'
            )
        return view.astype(image.dtype, copy=False)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(strong={self.strong}, weak={self.weak})'
