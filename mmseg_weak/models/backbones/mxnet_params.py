"""Read MXNet's ``.params`` files with NumPy, and the published ResNet-38 in them."""

import os
import re
import struct
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
import torch
from torch import nn

LIST_MAGIC = 0x112
# Arrays begin with a magic number since 2016; before, with the number of dimensions.
MAGIC_V1, MAGIC_V2, MAGIC_V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
DENSE = 0
MAX_DIMS = 32
DTYPES = {
    0: np.float32,
    1: np.float64,
    2: np.float16,
    3: np.uint8,
    4: np.int32,
    5: np.int8,
    6: np.int64,
}
NORM_NAMES = dict(gamma='weight', beta='bias', mean='running_mean', var='running_var')


def read_mxnet_params(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Arrays of a file written by ``mxnet.nd.save``.

    The container, all numbers little-endian: uint64 0x112, uint64 0, uint64 count and the
    arrays, uint64 count and the names (uint64 length, bytes). An array: uint32 magic (none
    in the oldest files), int32 storage type (V2, V3), uint32 number of dimensions and the
    dimensions (int64; uint32 in the oldest files), int32 device type and number, int32
    element type, then the elements.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        dict[str, np.ndarray]: Arrays by name, such as ``arg:conv1a_weight``; without
        names ``'0'``, ``'1'``, ...

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not in this format, cut off, or holds sparse arrays.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path} does not exist')
    with open(path, 'rb') as file:
        try:
            return _read_list(file)
        except (struct.error, ValueError, UnicodeDecodeError, MemoryError) as error:
            raise ValueError(f'{path} is no complete MXNet .params file: {error}') from None


def _read_list(file: BinaryIO) -> dict[str, np.ndarray]:
    magic, _ = _unpack(file, 'QQ')
    if magic != LIST_MAGIC:
        raise ValueError(f'it begins with {magic:#x} instead of {LIST_MAGIC:#x}')
    arrays = [_read_array(file) for _ in range(_unpack(file, 'Q')[0])]
    names = [
        _read(file, _unpack(file, 'Q')[0]).decode() for _ in range(_unpack(file, 'Q')[0])
    ]
    if names and len(names) != len(arrays):
        raise ValueError(f'{len(arrays)} arrays and {len(names)} names')
    return dict(zip(names or map(str, range(len(arrays))), arrays))


def _read_array(file: BinaryIO) -> np.ndarray:
    (magic,) = _unpack(file, 'I')
    if magic in (MAGIC_V2, MAGIC_V3):
        (storage,) = _unpack(file, 'i')
        if storage != DENSE:
            raise ValueError('it holds a sparse array')
    if magic in (MAGIC_V1, MAGIC_V2, MAGIC_V3):
        dims, letter = _unpack(file, 'I')[0], 'q'
    else:
        dims, letter = magic, 'I'
    if dims > MAX_DIMS:
        raise ValueError(f'an array of {dims} dimensions')
    shape = _unpack(file, letter * dims)
    if not dims and magic != MAGIC_V3:
        return np.zeros(0, np.float32)  # nothing follows
    _device, _number, kind = _unpack(file, 'iii')
    if kind not in DTYPES:
        raise ValueError(f'element type {kind} is not known')
    dtype = np.dtype(DTYPES[kind]).newbyteorder('<')
    count = 1
    for length in shape:
        if length < 0:
            raise ValueError(f'a shape of {shape}')
        count *= length
    return np.frombuffer(_read(file, count * dtype.itemsize), dtype).reshape(shape)


def _unpack(file: BinaryIO, letters: str) -> tuple:
    layout = struct.Struct('<' + letters)
    return layout.unpack(_read(file, layout.size))


def _read(file: BinaryIO, size: int) -> bytes:
    # A damaged length must not ask for all the memory there is.
    left = os.fstat(file.fileno()).st_size - file.tell()
    if size > left:
        raise ValueError(f'{size} bytes expected, {left} are left')
    return file.read(size)


def convert_resnet38(arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Rename the published arrays to the parameters of ``ResNet38``.

    ``arg:res2b1_branch2a_weight`` becomes ``b2_1.conv_branch2a.weight`` and
    ``aux:bn7_moving_var`` ``bn7.running_var``. The classifier (``linear1000``) is left out.

    Args:
        arrays (Mapping[str, np.ndarray]): From :func:`read_mxnet_params`.

    Returns:
        dict[str, Tensor]: A ``state_dict`` without batch counters.

    Raises:
        ValueError: A name is not one of the network's.
    """
    state = {}
    for full_name, array in arrays.items():
        name = full_name.split(':')[-1]
        if name.startswith('linear1000'):
            continue
        state[_resnet38_key(name)] = torch.from_numpy(array.astype(np.float32))
    return state


def _resnet38_key(name: str) -> str:
    if name == 'conv1a_weight':
        return 'conv1a.weight'
    kind = name.rsplit('_', 1)[-1]
    if name.startswith('bn7_') and kind in NORM_NAMES:
        return f'bn7.{NORM_NAMES[kind]}'
    match = re.fullmatch(r'(res|bn)(\d)(a|b\d+)_(branch\w+?)_(?:moving_)?(\w+)', name)
    if match:
        layer, level, block, branch, kind = match.groups()
        block = f'b{level}' + ('' if block == 'a' else f'_{block[1:]}')
        if layer == 'res' and kind == 'weight':
            return f'{block}.conv_{branch}.weight'
        if layer == 'bn' and kind in NORM_NAMES:
            return f'{block}.bn_{branch}.{NORM_NAMES[kind]}'
    raise ValueError(f'{name} is no array of the published ResNet-38')


def load_resnet38_params(model: nn.Module, path: str | os.PathLike) -> None:
    """Load the published MXNet weights into a ``ResNet38``.

    Args:
        model (nn.Module): The network.
        path (str | os.PathLike): ``ilsvrc-cls_rna-a1_cls1000_ep-0001.params``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or of another network.
    """
    state = convert_resnet38(read_mxnet_params(path))
    try:
        found = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:300]
        raise ValueError(f'{path} does not fit ResNet38: {reason}') from None
    missing = [key for key in found.missing_keys if 'num_batches_tracked' not in key]
    if missing or found.unexpected_keys:
        raise ValueError(
            f'{path} does not fit ResNet38: {len(missing)} arrays are missing '
            f'({", ".join(missing[:3])}), {len(found.unexpected_keys)} too many '
            f'({", ".join(found.unexpected_keys[:3])})'
        )
