"""Checkpoint files: found, read, and compared with the config that they meet."""

import ast
import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

NORMALISATION = ('mean', 'std', 'bgr_to_rgb', 'rgb_to_bgr')


def find_checkpoint(work_dir: str) -> str | None:
    """Newest complete checkpoint of a folder, to resume a run that was killed.

    A run killed while it wrote leaves a truncated file, perhaps named by
    ``last_checkpoint``; it is passed over for the one before.

    Args:
        work_dir (str): Folder of an earlier run.

    Returns:
        str | None: Path of the checkpoint, None if there is none.
    """
    folder = Path(work_dir)
    candidates = sorted(
        [*folder.glob('iter_*.pth'), *folder.glob('epoch_*.pth')],
        key=lambda path: int(path.stem.split('_')[1]),
        reverse=True,
    )
    for path in _without_leftovers(folder, candidates):
        # torch writes a zip archive whose directory stands at the end of the file.
        if zipfile.is_zipfile(path):
            return str(path)
        print_log(f'{path} is not complete and is passed over', logger='current')
    return None


def checkpoint_file(path: str | os.PathLike) -> str:
    """The checkpoint that a person means: a file, or the newest one of a training's folder.

    Args:
        path (str | os.PathLike): File, which may not exist, or folder.

    Raises:
        FileNotFoundError: A folder without a complete checkpoint.
    """
    if not os.path.isdir(path):
        return str(path)
    found = find_checkpoint(path)
    if found is None:
        raise FileNotFoundError(f'no checkpoint in {path}: train first')
    return found


def _without_leftovers(folder: Path, candidates: list[Path]) -> list[Path]:
    """Without higher iterations that are older than the last: an earlier, longer run's."""
    marker = folder / 'last_checkpoint'
    # A path as it was written, perhaps on another machine.
    name = marker.read_text(errors='replace') if marker.is_file() else ''
    last = folder / name.strip().replace('\\', '/').rsplit('/', 1)[-1]
    if last not in candidates:
        return candidates
    before, written = candidates[: candidates.index(last)], last.stat().st_mtime_ns
    later = [path for path in before if path.stat().st_mtime_ns >= written]
    return later + candidates[len(before) :]


def require_checkpoint(path: str) -> None:
    """Check that a file is there and looks like a complete file of ``torch.save``.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is no checkpoint, or its end is missing.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    with open(path, 'rb') as file:
        start = file.read(2)
    # A zip archive; before torch 1.6 a pickle.
    if not (zipfile.is_zipfile(path) or start[:1] == b'\x80'):
        kind = 'complete checkpoint, its end is missing' if start == b'PK' else 'checkpoint'
        raise ValueError(f'{path} is no {kind}')


def read_checkpoint(path: str) -> dict:
    """Content of a checkpoint file on the CPU, its weights all finite.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is damaged, no checkpoint, or of a training that diverged.
    """
    require_checkpoint(path)
    try:
        content = CheckpointLoader.load_checkpoint(path, 'cpu', logger='silent')
    except Exception as error:  # unpickling a damaged file may raise anything
        reason = ' '.join(str(error).split())[:200]
        raise ValueError(f'{path} is no complete checkpoint ({reason})') from None
    if not isinstance(content, dict):
        raise ValueError(f'{path} is no checkpoint but a {type(content).__name__}')
    weights = content.get('state_dict', content)
    if not (isinstance(weights, Mapping) and all(isinstance(n, str) for n in weights)):
        raise ValueError(f'{path} is no checkpoint: its weights have no names')
    require_finite(content, path)
    return content


def require_finite(content: Mapping, path: str) -> None:
    """Refuse weights that are not numbers.

    Raises:
        ValueError: A weight is NaN or infinite.
    """
    for name, value in content.get('state_dict', content).items():
        floats = isinstance(value, Tensor) and value.is_floating_point()
        if floats and not torch.isfinite(value).all():
            raise ValueError(
                f'{path}: {name} is not finite, so the training diverged; train again '
                'with a smaller learning rate'
            )


def require_weights(
    model: nn.Module,
    content: Mapping,
    path: str,
    config: str = 'the config',
    training: bool = False,
) -> None:
    """Check that a checkpoint holds every weight that is needed.

    mmengine tells of absent ones in the log only, and goes on with random numbers.

    Args:
        model (nn.Module): Perhaps in the wrappers of a runner.
        content (Mapping): What :func:`read_checkpoint` gives.
        path (str): Path of the checkpoint, for the message.
        config (str): Name of the config, for the message.
        training (bool): Parts that only a training has are needed too. Defaults to False.

    Raises:
        ValueError: It is the checkpoint of another model.
    """
    from .models.declaration import declarations  # models read checkpoints themselves

    found = _plain_names(content.get('state_dict', content))
    inner = model
    while isinstance(getattr(inner, 'module', None), nn.Module):
        inner = inner.module
    parts = () if training else ('auxiliary_head', *declarations(inner).training_only)
    optional = tuple(f'{part}.' for part in parts)
    for name, value in _plain_names(model.state_dict()).items():
        if name.startswith(optional) or name.endswith('num_batches_tracked'):
            continue
        if name not in found or found[name].shape != value.shape:
            got = f'has {tuple(found[name].shape)}' if name in found else 'is absent'
            raise ValueError(
                f'{path} is not a checkpoint of the model of {config}, perhaps of '
                f'another config: {name} {got}, the model has {tuple(value.shape)}'
            )


def require_same_data(
    content: Mapping,
    path: str,
    classes: Sequence[str] | None,
    model: Mapping | None = None,
    reduce_zero_label: bool | None = None,
) -> None:
    """Compare what a checkpoint knows of its training with what it is used for.

    Args:
        content (Mapping): What :func:`read_checkpoint` gives. What it does not know is not
            compared.
        path (str): Path of the checkpoint, for the message.
        classes (Sequence[str], optional): Classes of the data, in order.
        model (dict, optional): Config of the model, for the normalisation of images.
        reduce_zero_label (bool, optional): Of the data.

    Raises:
        ValueError: Class names, their order, the normalisation or the flag differ.
    """
    meta = content.get('meta') or {}
    data = meta.get('dataset_meta') or {}
    trained = data.get('classes')
    if trained and classes and tuple(trained) != tuple(classes):
        raise ValueError(
            f'{path} was trained on the classes {", ".join(trained)}; the data set has '
            f'{", ".join(classes)}: names and order must be the same'
        )
    flag = data.get('reduce_zero_label')
    if None not in (flag, reduce_zero_label) and bool(flag) != bool(reduce_zero_label):
        raise ValueError(
            f'{path} was trained with reduce_zero_label={flag}, the data set has '
            f'{reduce_zero_label}: class ids would be off by one'
        )
    if model is not None and isinstance(meta.get('cfg'), str):
        trained, used = _normalisation(config_model(meta['cfg'])), _normalisation(model)
        for name in trained.keys() & used.keys():
            if trained[name] != used[name]:
                raise ValueError(
                    f'{path} was trained with data_preprocessor.{name}={trained[name]}, '
                    f'the config has {used[name]}'
                )


def config_model(text: str) -> dict:
    """The model of a config's text as mmengine keeps it in a checkpoint, nothing run.

    Args:
        text (str): Assignments of literals and ``dict(...)``.

    Returns:
        dict: Empty where the text has none or is of another kind.
    """
    try:
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and node.targets[0].id == 'model':
                return _literal(node.value)
    except (SyntaxError, ValueError, AttributeError, RecursionError):
        pass
    return {}


def _literal(node: ast.AST) -> object:
    """Value of a literal in which dicts may be written ``dict(key=value)``."""
    if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'dict':
        return {word.arg: _literal(word.value) for word in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {_literal(k): _literal(v) for k, v in zip(node.keys, node.values)}
    return ast.literal_eval(node)


def _normalisation(model: Mapping) -> dict:
    """How a model normalises images, with the preprocessor's defaults."""
    model = model.get('module', model)  # of test-time augmentation
    settings = model.get('data_preprocessor')
    if not isinstance(settings, Mapping):
        return {}
    found = {name: settings.get(name) or False for name in NORMALISATION}
    return {k: list(v) if isinstance(v, (list, tuple)) else v for k, v in found.items()}


def _plain_names(state: Mapping) -> dict:
    """Without the names that wrappers add."""
    return {
        re.sub(r'(^|\.)(module\.)+', r'\1', name): value for name, value in state.items()
    }
