"""Feature maps of a frozen network at several depths, one image at a time."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..checkpoints import checkpoint_file
from ..configs import read_config
from ..models.inference.fast_convolutions import prepare_backbone
from ..models.inference.peers import load_network

# ImageNet weights that pip brings; the stages at strides 2, 4, 8, 16 and 32.
BACKBONE = dict(
    type='EfficientNetLite',
    arch='lite0',
    out_indices=(0, 1, 2, 4, 6),
    init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet-lite0'),
)
PREPROCESSOR = dict(mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0), bgr_to_rgb=True)


class FrozenPyramid:
    """Maps of a network that does not learn, coarse ones at their own size.

    A linear head on maps enlarged to one size equals the sum of its enlarged parts, so the
    maps are never enlarged before the head: an image of 512 x 384 pixels takes 2.4 MiB.

    Args:
        backbone (dict, optional): mmseg backbone whose outputs are maps, from fine to
            coarse. Defaults to EfficientNet-Lite0 with ImageNet weights, strides 2 to 32.
        preprocessor (dict, optional): ``mean``, ``std`` (3 numbers, of 0 to 255) and
            ``bgr_to_rgb``, as mmseg's preprocessor has them. Defaults to that of
            EfficientNet-Lite.
        long_side (int): Images are resized to it, >= 32. Defaults to 512.
        device (str): Where the network runs. Defaults to cpu.

    Raises:
        FileNotFoundError: The weights are absent.
        ValueError: ``long_side`` is too small.
    """

    def __init__(
        self,
        backbone: Mapping | None = None,
        preprocessor: Mapping | None = None,
        long_side: int = 512,
        device: str = 'cpu',
    ) -> None:
        if long_side < 32:
            raise ValueError(f'long_side must be >= 32, got {long_side}')
        init_default_scope('mmseg')
        backbone = dict(BACKBONE if backbone is None else backbone)
        weights = (backbone.pop('init_cfg', None) or {}).get('checkpoint')
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # weights that are not loaded are the same each time
            network = MODELS.build(backbone)
            if weights is None:
                network.init_weights()
        if weights is not None:
            state = CheckpointLoader.load_checkpoint(weights, 'cpu', logger='silent')
            network.load_state_dict(state.get('state_dict', state), strict=False)
        self._set(network, dict(PREPROCESSOR, **(preprocessor or {})), long_side, device)

    @classmethod
    def from_segmentor(
        cls, config: str, checkpoint: str, long_side: int = 512, device: str = 'cpu'
    ) -> 'FrozenPyramid':
        """The backbone of a trained mmseg model.

        Args:
            config (str): Its config file.
            checkpoint (str): Its checkpoint, or the folder of the training.
            long_side, device: As for the class.

        Raises:
            FileNotFoundError: A file is absent.
            ValueError: The checkpoint does not fit the config.
        """
        init_default_scope('mmseg')
        model, _ = load_network(config, checkpoint_file(checkpoint))
        settings = read_config(config).model.get('data_preprocessor', {})
        kept = {k: settings[k] for k in PREPROCESSOR if settings.get(k) is not None}
        self = cls.__new__(cls)
        self._set(model.backbone, dict(bgr_to_rgb=True, **kept), long_side, device)
        return self

    def _set(self, network: nn.Module, values: dict, long_side: int, device: str) -> None:
        self.network = prepare_backbone(network.eval().requires_grad_(False).to(device))
        self.long_side, self.device = long_side, device
        self.mean, self.std = (
            torch.tensor(values.get(key, fallback), dtype=torch.float32)
            for key, fallback in (('mean', (0.0,) * 3), ('std', (1.0,) * 3))
        )
        self.rgb = bool(values['bgr_to_rgb'])
        self.digest = self._digest(values)

    def _digest(self, values: dict) -> str:
        """Name of network, weights and scale, for caches."""
        digest = hashlib.sha256(
            json.dumps([values, self.long_side], default=list, sort_keys=True).encode()
        )
        for name, value in self.network.state_dict().items():
            digest.update(name.encode())
            digest.update(value.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that the network sees of an image, multiples of 32."""
        factor = self.long_side / max(height, width)
        return tuple(max(32, round(side * factor / 32) * 32) for side in (height, width))

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        """Maps of an image.

        Args:
            image (np.ndarray): RGB, (H, W, 3) uint8.

        Returns:
            list[np.ndarray]: (c, h, w) float16 each, from fine to coarse.
        """
        height, width = self.size(*image.shape[:2])
        shrinks = height * width < image.shape[0] * image.shape[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        pixels = cv2.resize(image, (width, height), interpolation=how)
        pixels = torch.from_numpy(pixels if self.rgb else pixels[..., ::-1].copy())
        inputs = ((pixels.float() - self.mean) / self.std).permute(2, 0, 1)[None]
        maps = self.network(inputs.to(self.device))
        maps = maps if isinstance(maps, (tuple, list)) else (maps,)
        # A trained network may exceed what half precision holds.
        return [m[0].float().clamp(-6e4, 6e4).half().cpu().numpy() for m in maps]


def sample_maps(maps: Sequence[np.ndarray], places: np.ndarray) -> Tensor:
    """Features at places between the cells of maps, bilinearly.

    Args:
        maps (Sequence[np.ndarray]): (c, h, w) each.
        places (np.ndarray): (n, 2) x and y as shares of width and height, in [0, 1].

    Returns:
        Tensor: (n, sum of c) float32.
    """
    grid = torch.as_tensor(places, dtype=torch.float32)[None, :, None] * 2 - 1
    columns = [
        nn.functional.grid_sample(
            torch.from_numpy(m)[None].float(),
            grid,
            padding_mode='border',
            align_corners=False,
        )[0, :, :, 0]
        for m in maps
    ]
    return torch.cat(columns).T


def along(points: np.ndarray, step: float) -> np.ndarray:
    """Points at equal distances of at most ``step`` along a line, (n, 2) float64."""
    if len(points) < 2:
        return points
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    places = np.linspace(0, length[-1], int(np.ceil(length[-1] / step)) + 1)
    return np.stack([np.interp(places, length, axis) for axis in points.T], 1)
