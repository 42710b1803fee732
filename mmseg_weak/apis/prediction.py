"""The verb ``predict`` as a function."""

import os
from pathlib import Path

from mmengine.config import Config

from ..checkpoints import checkpoint_file
from ..datasets.formats.masks import MaskFolder, write_masks
from ..models import declarations
from ..prediction import Predictor, predict_folder
from ..prediction.folder import MASKS
from ..registry import WRITERS


def predict(
    config: str | os.PathLike | None,
    checkpoint: str | os.PathLike,
    photos: str | os.PathLike,
    out: str | os.PathLike,
    device: str | None = None,
    to: str | None = None,
    **options,
) -> list[str]:
    """Write masks of all photographs of a folder tree.

    Args:
        config (str | os.PathLike, optional): Config of the training; None takes the one
            that the checkpoint carries.
        checkpoint (str | os.PathLike): Checkpoint, or the folder of a training, whose
            newest one is taken.
        photos (str | os.PathLike): Folder of photographs, or one photograph.
        out (str | os.PathLike): Folder of the results.
        device (str, optional): Such as ``cpu``; a GPU by default, where there is one.
        to (str, optional): Also write the masks for a tool, in a format of
            ``mmseg_weak.registry.WRITERS``, to a file or folder of its name in ``out``.
        **options: See :func:`mmseg_weak.prediction.predict_folder`.

    Returns:
        list[str]: What was wrong with photographs that could not be read.

    Raises:
        FileNotFoundError: Config, checkpoint or photographs do not exist.
        ValueError: See :class:`~mmseg_weak.prediction.Predictor` and ``predict_folder``.
    """
    checkpoint = checkpoint_file(checkpoint)
    if to is not None and to not in WRITERS.module_dict:
        raise ValueError(
            f'masks cannot be written as {to!r}, there are {", ".join(WRITERS.module_dict)}'
        )
    predictor = Predictor(checkpoint, config, device)
    broken = predict_folder(predictor, photos, out, **options)
    if to is not None:
        folder = Path(photos).parent if Path(photos).is_file() else photos
        masks = MaskFolder(Path(out) / MASKS, predictor.classes, folder)
        suffix = '' if WRITERS.get(to).folder else WRITERS.get(to).suffix
        write_masks(Path(out) / f'{to}{suffix}', masks, to)
    return broken


def command_for(config: Config, path: str | os.PathLike, folder: str | os.PathLike) -> str:
    """The command that makes masks with a trained network; '' where it makes none.

    Args:
        config (Config): Of the training.
        path (str | os.PathLike): Its file.
        folder (str | os.PathLike): Its work dir.
    """
    if declarations(config.get('model', {})).labeller != 'segmentor':
        return ''
    words = f'{path} {folder} PHOTOS --out FOLDER'
    return f'masks of photographs: mmseg-weak predict {words}'
