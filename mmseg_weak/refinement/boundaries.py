"""Maps of the boundaries in an image: from its colours, a network, or a folder."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from .._arrays import read_array, read_arrays
from .._files import replace_file
from .._messages import reason_of
from ..datasets.image_open import open_image

# (image (1, 3, H, W), size, image id) -> (1, h, w) in [0, 1]
Boundary = Callable[[Tensor, tuple[int, int], str | None], Tensor]


def build_boundary(source: str, cache: str | None = None) -> Boundary:
    """Where the boundaries of images come from.

    Args:
        source (str): ``gradient``, the colour edges of the image; the ``.npz`` weights of
            an edge network, see :class:`NetworkBoundary`; or a folder of maps, see
            :class:`BoundaryFolder`.
        cache (str, optional): Folder to keep the maps of a network in. Defaults to None.

    Returns:
        Callable: ``(image, size, image id) -> map``; RGB in [0, 1] of shape (1, 3, H, W),
        the size (h, w) of the map, which has shape (1, h, w) and lies in [0, 1].
        ``needs`` of a folder is ``('image_ids',)``.

    Raises:
        FileNotFoundError: The file or folder does not exist.
        ValueError: The file holds no weights.
    """
    if source == 'gradient':
        return colour_gradient_boundary
    if str(source).endswith('.npz'):
        return NetworkBoundary(source, cache)
    return BoundaryFolder(source)


def colour_gradient_boundary(
    images: Tensor, size: tuple[int, int], image_id: str | None = None
) -> Tensor:
    """Strength of the colour edges of an image, a boundary map that needs no training.

    Args:
        images (Tensor): RGB in [0, 1], shape (1, 3, H, W).
        size (tuple[int, int]): Height h and width w of the map.

    Returns:
        Tensor: Shape (1, h, w), in [0, 1]; 1 at the strongest two percent.
    """
    small = F.interpolate(
        images, size, mode='bilinear', align_corners=False, antialias=True
    )
    padded = F.pad(small, (1, 1, 1, 1), mode='replicate')
    dx = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    dy = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    strength = (dx.square() + dy.square()).sum(dim=1).sqrt()
    top = strength.flatten().quantile(0.98) if strength.numel() < 2**24 else strength.max()
    return (strength / top.clamp(min=1e-6)).clamp(0, 1)


class BoundaryFolder:
    """Maps that a network wrote: ``{img_id}.npy``, (h, w) in [0, 1], or grey ``.png``.

    Args:
        folder (str): The folder.

    Raises:
        FileNotFoundError: It does not exist.
    """

    needs = ('image_ids',)

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f'folder of boundary maps {folder} does not exist')

    def __call__(self, image: Tensor, size: tuple[int, int], image_id: str) -> Tensor:
        """Read a map; arguments as :func:`build_boundary` says.

        Raises:
            FileNotFoundError: The image has none.
            ValueError: It is no map.
        """
        paths = [self.folder / f'{image_id}{suffix}' for suffix in ('.npy', '.png')]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise FileNotFoundError(f'{paths[0]}: image {image_id!r} has no boundary map')
        boundary = read_array(path) if path == paths[0] else _read_png(path)
        whole = boundary.ndim == 2 and boundary.size and np.isfinite(boundary).all()
        if not whole:
            raise ValueError(f'{path}: expected a finite (h, w) map, got {boundary.shape}')
        tensor = torch.from_numpy(boundary.astype(np.float32)).clamp(0, 1)[None, None]
        tensor = F.interpolate(tensor, size, mode='bilinear', align_corners=False)[0]
        return tensor.to(image)


class NetworkBoundary:
    """Maps by an edge network at the size of the image, remembered in a folder.

    The network is loaded when the first map is made.

    Args:
        weights (str): ``.npz`` of ``tools/dataset_converters/hed_weights.py``.
        cache (str, optional): Folder for the maps as PNG, named by what the image shows
            and the weights. Defaults to None, nothing is kept.

    Raises:
        FileNotFoundError: The weights do not exist.
    """

    def __init__(self, weights: str, cache: str | None = None) -> None:
        self.weights, self.cache = Path(weights), cache and Path(cache)
        if not self.weights.is_file():
            raise FileNotFoundError(f'weights of the edge network {weights} do not exist')
        self._network: torch.nn.Module | None = None

    def __call__(
        self, image: Tensor, size: tuple[int, int], image_id: str | None = None
    ) -> Tensor:
        """Make or read a map; arguments as :func:`build_boundary` says."""
        path = self.cache and self.cache / f'{self._key(image)}.png'
        if path and path.is_file():
            boundary = torch.from_numpy(_read_png(path)).to(image)[None, None]
        else:
            if self._network is None:
                self._network = load_edge_network(self.weights)
            boundary = self._network.to(image.device)(image.float())
            if path:
                grey = (boundary[0, 0] * 255).round().byte().cpu().numpy()
                with replace_file(path) as temporary:
                    Image.fromarray(grey).save(temporary)
        boundary = F.interpolate(boundary, size, mode='bilinear', align_corners=False)
        return boundary[0].to(image)

    def _key(self, image: Tensor) -> str:
        stat = self.weights.stat()
        pixels = (image * 255).round().byte().cpu().numpy()
        content = f'{image.shape} {self.weights.name} {stat.st_size}'.encode()
        return hashlib.sha1(content + pixels.tobytes()).hexdigest()

    def __getstate__(self) -> dict:
        return dict(self.__dict__, _network=None)


def _read_png(path: Path) -> np.ndarray:
    try:
        with open_image(path) as image:
            return np.asarray(image.convert('L'), np.float32) / 255
    except Exception as error:  # decoders raise anything
        raise ValueError(f'{path}: no boundary map ({reason_of(error)})') from None


def strided_size(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Size of the grid of every ``stride``-th pixel."""
    return tuple((side - 1) // stride + 1 for side in size)


# Of the images it was trained on, blue, green, red in [0, 255].
MEAN_BGR = (104.00699, 116.66877, 122.67892)
VGG16 = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)


class HolisticEdgeNetwork(nn.Module):
    """Holistically-nested edge detection.

    Xie and Tu, ICCV 2015, `arXiv:1504.06375 <https://arxiv.org/abs/1504.06375>`_: the five
    stages of a VGG-16, each with an edge map of its own; enlarged to the image, the maps
    are summed by learnt weights. Trained on boundaries that people drew (BSDS500), it is
    extra supervision: say so wherever it is used.

    Args:
        channels (Sequence[Sequence[int]]): Channels of each convolution of each stage.
            Defaults to those of VGG-16.
    """

    def __init__(
        self,
        channels: Sequence[Sequence[int]] = VGG16,
    ) -> None:
        super().__init__()
        self.stages, self.sides, previous = nn.ModuleList(), nn.ModuleList(), 3
        for widths in channels:
            stage = nn.ModuleList()
            for width in widths:
                stage.append(nn.Conv2d(previous, width, 3, padding=1))
                previous = width
            self.stages.append(stage)
            self.sides.append(nn.Conv2d(previous, 1, 1))
        self.fuse = nn.Conv2d(len(channels), 1, 1)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Probability of an edge.

        Args:
            images (Tensor): RGB in [0, 1], shape (N, 3, H, W).

        Returns:
            Tensor: Shape (N, 1, H, W), in [0, 1].
        """
        x = images.flip(1) * 255 - images.new_tensor(MEAN_BGR)[:, None, None]
        maps = []
        for i, (stage, side) in enumerate(zip(self.stages, self.sides)):
            if i:
                x = F.max_pool2d(x, 2, ceil_mode=True)
            for convolution in stage:
                x = F.relu(convolution(x), inplace=True)
            maps.append(
                F.interpolate(
                    side(x), images.shape[2:], mode='bilinear', align_corners=False
                )
            )
        return self.fuse(torch.cat(maps, dim=1)).sigmoid()


def load_edge_network(path: str | Path) -> HolisticEdgeNetwork:
    """Load the weights that ``tools/dataset_converters/hed_weights.py`` wrote.

    Args:
        path (str | Path): A ``.npz``.

    Returns:
        HolisticEdgeNetwork: In float32 on the CPU, ready for inference.

    Raises:
        ValueError: The file holds no weights of such a network.
    """
    try:
        arrays = read_arrays(path)
        state = {name: torch.from_numpy(array).float() for name, array in arrays.items()}
        biases = [name for name in state if name.endswith('.bias')]
        channels = [
            [len(state[name]) for name in biases if name.startswith(f'stages.{i}.')]
            for i in range(state['fuse.weight'].shape[1])
        ]
        network = HolisticEdgeNetwork(channels)
        network.load_state_dict(state)
        if not all(weight.isfinite().all() for weight in network.parameters()):
            raise ValueError('a weight is not finite')
    except (KeyError, IndexError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(
            f'{path} holds no weights of an edge network ({reason_of(error)}); '
            'tools/dataset_converters/hed_weights.py makes them'
        ) from None
    return network.eval().requires_grad_(False)
