"""Two photometric views of one geometry, for teacher and student."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import Compose
from mmseg.registry import TRANSFORMS

from .base import Transform
from .checks import walk_transforms
from .probe import moves_pixels


@TRANSFORMS.register_module()
class PhotometricViews(Transform):
    """Make a weak view (teacher) and a strong view (student) of the same pixels.

    Put it after all geometry. The transforms see the image only, so labels cannot
    change. Both views start from ``results['img']``.

    Required Keys: img

    Modified Keys: img (weak view)

    Added Keys: img_strong (strong view, shape and dtype of img)

    Args:
        strong (Sequence[dict]): Photometric transforms of the student's view.
        weak (Sequence[dict]): Photometric transforms of the teacher's view. Defaults
            to (), the image itself.

    Raises:
        ValueError: A transform moves pixels or changes the shape of the image.
    """

    def __init__(self, strong: Sequence[dict], weak: Sequence[dict] = ()) -> None:
        if not strong:
            raise ValueError('PhotometricViews needs at least one strong transform')
        self.strong, self.weak = (
            Compose([TRANSFORMS.build(cfg) for cfg in view]) for view in (strong, weak)
        )
        for transform in walk_transforms([self.strong, self.weak]):
            if moves_pixels(transform):
                name = type(transform).__name__
                raise ValueError(f'PhotometricViews: {name} moves pixels; put it before')

    def transform(self, results: dict) -> dict:
        """Add the two views."""
        image = results['img']
        results['img_strong'] = self._view(image, self.strong)
        results['img'] = self._view(image, self.weak)
        return results

    def _view(self, image: np.ndarray, transforms: Compose) -> np.ndarray:
        if not transforms.transforms:
            return image
        # Own copy: photometric transforms may work in place.
        view = transforms(dict(img=image.copy(), img_shape=image.shape[:2]))['img']
        if view.shape != image.shape:
            raise ValueError(
                f'PhotometricViews: {transforms} turned the shape {image.shape} into '
                f'{view.shape}; a view must keep it'
            )
        if image.dtype == np.uint8:
            view = view.clip(0, 255)
        return view.astype(image.dtype, copy=False)


@TRANSFORMS.register_module()
class RandomGaussianBlur(Transform):
    """Blur the image with a Gaussian of random width.

    Required Keys: img

    Args:
        prob (float): Probability of blurring, in [0, 1]. Defaults to 0.5.
        sigma (tuple[float, float]): Range of the standard deviation in pixels, > 0.
            Defaults to (0.1, 2.0).
    """

    def __init__(self, prob: float = 0.5, sigma: tuple[float, float] = (0.1, 2.0)) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must be in [0, 1], got {prob}')
        if len(sigma) != 2 or not 0 < sigma[0] <= sigma[1]:
            raise ValueError(f'sigma must be 0 < low <= high, got {sigma}')
        self.prob = prob
        self.sigma = sigma

    def transform(self, results: dict) -> dict:
        """Blur or leave the image."""
        if np.random.rand() < self.prob:
            sigma = np.random.uniform(*self.sigma)
            image = results['img']
            blurred = cv2.GaussianBlur(image, (0, 0), sigma)
            results['img'] = blurred.reshape(image.shape)  # OpenCV drops axis of size 1
        return results
