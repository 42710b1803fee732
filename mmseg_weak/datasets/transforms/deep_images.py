"""Images of more than 8 bits a channel."""

import mmengine.fileio as fileio
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmseg.registry import TRANSFORMS

from ..._messages import reason_of
from ..image_checks import read_deep


@TRANSFORMS.register_module()
class LoadDeepImage(LoadImageFromFile):
    """Load an image of 12 or 16 bits, or of floats, and map a range of it to 0 to 255.

    It takes the place of ``LoadImageFromFile``, which keeps the upper 8 of 16 bits: an
    image of 12 bits comes out with 16 grey values. Use it in every pipeline, those of
    validation and test too. Channels are mapped alike; a grey image becomes three equal
    channels. Numbers that are not finite become the lower end.

    Required Keys: img_path

    Modified Keys: img ((H, W, 3) uint8 BGR, upright), img_shape, ori_shape

    Args:
        value_range (tuple[float, float], optional): Values that become 0 and 255, the same
            for all images. Defaults to None, ``percentiles`` of each image.
        percentiles (tuple[float, float]): In [0, 100]; used without ``value_range``.
            Defaults to (1, 99).
        backend_args (dict, optional): mmengine file backend. Defaults to None.

    Raises:
        ValueError: A range is empty, or the image cannot be decoded.
    """

    def __init__(
        self,
        value_range: tuple[float, float] | None = None,
        percentiles: tuple[float, float] = (1.0, 99.0),
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(backend_args=backend_args)
        if value_range is not None and not value_range[0] < value_range[1]:
            raise ValueError(f'value_range must be low < high, got {value_range}')
        if not 0 <= percentiles[0] < percentiles[1] <= 100:
            raise ValueError(
                f'percentiles must be low < high in [0, 100], got {percentiles}'
            )
        self.value_range = value_range
        self.percentiles = percentiles

    def transform(self, results: dict) -> dict:
        """Load and map one image."""
        path = results['img_path']
        try:
            image = read_deep(fileio.get(path, backend_args=self.backend_args))
        except FileNotFoundError:
            raise FileNotFoundError(f'image not found: {path}') from None
        except Exception as error:  # decoders raise anything
            reason = reason_of(error)
            raise ValueError(f'{path}: cannot be decoded as an image ({reason})') from None
        if image is None:
            raise ValueError(f'{path}: cannot be decoded as an image')
        finite = np.isfinite(image)
        low, high = self.value_range or self._percentiles(image[finite])
        image = np.where(finite, image, low).astype(np.float32)
        scaled = (image - low) * (255 / max(high - low, np.finfo(np.float32).tiny))
        results['img'] = np.rint(scaled.clip(0, 255)).astype(np.uint8)
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def _percentiles(self, values: np.ndarray) -> tuple[float, float]:
        if not values.size:
            return 0.0, 1.0
        low, high = np.percentile(values, self.percentiles)
        return float(low), float(high)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(value_range={self.value_range}, '
            f'percentiles={self.percentiles})'
        )
