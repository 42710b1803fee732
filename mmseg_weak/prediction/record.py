"""A folder of results remembers which checkpoint made it, of which photographs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from .._files import file_digest, write_json
from .._messages import shortened
from ..datasets.json_objects import read_object

if TYPE_CHECKING:
    from .predictor import Predictor

RECORD = 'prediction.json'


def check_record(out: Path, predictor: 'Predictor', photos: Path, overwrite: bool) -> None:
    """Write which checkpoint fills a folder, or compare with what stands there.

    Args:
        out (Path): Folder of the results.
        predictor (Predictor): The network.
        photos (Path): Folder of the photographs: those of another one may have the same
            names.
        overwrite (bool): Do not compare.

    Raises:
        ValueError: Another checkpoint, other classes or another scale made the results, or
            they are those of another folder.
    """
    scale = predictor.scale and vars(predictor.scale)
    content = dict(
        checkpoint=predictor.checkpoint,
        sha256=file_digest(predictor.checkpoint),
        classes=list(predictor.classes),
        scale=json.loads(json.dumps(scale)),
        photos=photos.resolve().as_posix(),
    )
    path = out / RECORD
    if path.is_file() and not overwrite:
        found = read_object(path)
        if any(found.get(k) != content[k] for k in ('sha256', 'classes', 'scale')):
            name = shortened(found.get('checkpoint', 'unknown'))
            kind = f'another checkpoint ({name})'
            if found.get('sha256') == content['sha256']:
                kind = 'the same checkpoint with other classes or another scale'
            elif name == predictor.checkpoint:
                kind = f'an earlier {name}, which has been trained anew since'
            raise ValueError(
                f'{out} holds masks of {kind}: choose another folder, or --overwrite them'
            )
        folder = found.get('photos', content['photos'])  # earlier releases: unknown
        if folder != content['photos']:
            raise ValueError(
                f'{out} holds masks of the photographs in {shortened(folder)}: choose '
                'another folder, or --overwrite them'
            )
    write_json(path, content)
