"""Label transfer: pseudo-masks of weak images from a foreground network and seeds."""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from rich.progress import track

from .._files import write_json
from ..constants import IGNORE_INDEX
from ..datasets import StrongWeakDataset
from ..datasets.mask_files import read_mask
from ..datasets.transforms.pseudo_labels import REPORT
from ..refinement import DiffusionOptions
from ..visualization.report import ReportEntry, report_html
from .image_scale import warn_of_large_images
from .label_folder import LabelFolder
from .label_pool import map_images
from .pseudo_labels import network_identity, score_folder
from .transfer_label_maker import (
    METHODS,
    TransferLabelMaker,
    classes_of,
    strong_weak_sets,
)

PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackWeakSegInputs')]
REFUSED = 'refused.json'


@dataclass
class TransferLabelOptions:
    """How pseudo-masks are made.

    Attributes:
        out (str): Folder of the PNGs, ``manifest.json``, ``report.json`` and
            ``refused.json``.
        method (str): ``diffusion``, or ``cam`` for the control that thresholds the
            activation maps and uses no foreground network's map.
        diffusion (DiffusionOptions): Superpixels, anchors, edges.
        cam_threshold (float): With ``cam``, background below it, in [0, 1].
        scales (Sequence[float]): Factors > 0 on the image size to average over.
        flip (bool): Average with the mirrored image.
        workers (int): Processes, >= 1.
        device (str): Where the networks run.
        masks (str, optional): Folder with ``{img_id}.png`` masks to score the labels with;
            they are read after all labels are written.
        panels (int): Number of images shown in ``panels.html``, >= 0.
        overwrite (bool): Replace labels that were made with other settings.

    Raises:
        FileNotFoundError: The folder of masks is absent.
        ValueError: An option is out of its range.
    """

    out: str
    method: str = 'diffusion'
    diffusion: DiffusionOptions = field(default_factory=DiffusionOptions)
    cam_threshold: float = 0.3
    scales: Sequence[float] = (1.0,)
    flip: bool = True
    workers: int = 1
    device: str = 'cpu'
    masks: str | None = None
    panels: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f'method must be in {METHODS}, got {self.method!r}')
        if not self.scales or not all(0 < scale < float('inf') for scale in self.scales):
            raise ValueError(f'scales must be numbers > 0, got {self.scales}')
        if not 0 <= self.cam_threshold <= 1:
            raise ValueError(f'cam_threshold must be in [0, 1], got {self.cam_threshold}')
        if self.workers < 1 or self.panels < 0:
            raise ValueError(
                f'workers must be >= 1 and panels >= 0, got {self.workers}, {self.panels}'
            )
        if self.masks is not None and not Path(self.masks).is_dir():
            raise FileNotFoundError(f'folder of masks {self.masks} does not exist')


def make_transfer_labels(
    config: Config, foreground: Mapping, cam: Mapping, options: TransferLabelOptions
) -> dict:
    """Label every weak image of a config's training set and report on the labels.

    An image without seeds or without background anchors gets a label of 255 everywhere,
    and its reason stands in ``refused.json``. Finished labels of an earlier call with the
    same settings stay.

    Args:
        config (Config): Its ``train_dataloader`` holds a ``StrongWeakDataset``.
        foreground (dict): ``dict(config='x.py', checkpoint='y.pth')`` of the label transfer
            network, a model with one output per pixel.
        cam (dict): The same of the tag classifier, a ``CAMSegmentor``.
        options (TransferLabelOptions): How.

    Returns:
        dict: See :meth:`~mmseg_weak.evaluation.pseudo_label_quality.PseudoLabelQuality.\
summary`, and ``refused``, reason to number of images; also written to ``report.json``.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: A network or data set does not fit, or the folder holds other labels.
    """
    init_default_scope(config.get('default_scope', 'mmseg'))
    dataset = build_weak_images(config)
    networks = (foreground, cam)
    folder = LabelFolder(
        Path(options.out),
        _settings(dataset, networks, options),
        dataset.split.classes,
        np.array(dataset.metainfo['palette'], np.uint8),
    )
    folder.prepare(options.overwrite)
    warn_of_large_images(config.train_dataloader.dataset, dataset)
    images = [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]
    todo = folder.missing(images)
    refused = _read_refused(folder.path)
    # A kill between a label and its reason: such an image is done again.
    lost = _without_reason(folder, images, todo, refused)
    todo = sorted({*todo, *lost})
    finished = set(images) - {images[i] for i in todo}
    refused = {image: why for image, why in refused.items() if image in finished}
    job = (dataset, networks, options, folder)
    if todo:
        for index, reason in track(
            zip(todo, map_images(TransferLabelMaker, job, todo, options.workers)),
            'pseudo-masks',
            total=len(todo),
        ):
            if reason:
                refused[images[index]] = reason
                write_json(folder.path / REFUSED, refused)
    write_json(folder.path / REFUSED, refused)
    table = dataset.read_mask.table
    report = score_folder(folder, images, dataset.source, options.masks, table)
    report['refused'] = _count_reasons(refused)
    write_json(folder.path / REPORT, report)
    if options.panels:
        _write_panels(job, images)
    return report


def build_weak_images(config: Config) -> StrongWeakDataset:
    """The weak images of a config's training set, whole and without labels.

    Raises:
        ValueError: There is no ``StrongWeakDataset`` in it, or several with weak images.
    """
    found = list(strong_weak_sets(copy.deepcopy(config.train_dataloader.dataset)))
    if not found:
        raise ValueError(
            f'{config.filename}: label transfer needs a StrongWeakDataset in '
            'train_dataloader'
        )
    # Beside it there may be one of strong images only, as in split 4.
    found = [one for one in found if one.get('images', 'all') != 'strong'] or found[:1]
    if len(found) > 1:
        raise ValueError(
            f'{config.filename}: train_dataloader holds {len(found)} data sets with weak '
            'images, and labels are made for one at a time: give a config with one of '
            'them, once for each, and name the folders in pseudo_label_dir'
        )
    settings = found[0]
    settings.update(images='weak', class_agnostic=False, pipeline=PIPELINE, policy='strict')
    settings.pop('pseudo_label_dir', None)
    settings.pop('lazy_init', None)
    return DATASETS.build(settings)


def _settings(
    dataset: StrongWeakDataset, networks: Sequence[Mapping], options: TransferLabelOptions
) -> dict:
    """Everything that a label depends on."""
    tags = hashlib.sha256()
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        tags.update(f'{info["img_id"]}:{info["tags"]}\n'.encode())
    return dict(
        networks=[network_identity(**network) for network in networks],
        tags=tags.hexdigest(),
        method=options.method,
        diffusion=asdict(options.diffusion),
        cam_threshold=options.cam_threshold,
        scales=list(options.scales),
        flip=options.flip,
    )


def _read_refused(folder: Path) -> dict[str, str]:
    path = folder / REFUSED
    return json.loads(path.read_text()) if path.is_file() else {}


def _without_reason(
    folder: LabelFolder, images: Sequence[str], todo: Sequence[int], refused: Mapping
) -> list[int]:
    """Positions of finished labels that are unknown everywhere, and nothing says why."""
    finished = set(range(len(images))) - set(todo)
    return [
        i
        for i in finished
        if images[i] not in refused
        and (read_mask(folder.file(images[i])) == IGNORE_INDEX).all()
    ]


def _count_reasons(refused: Mapping[str, str]) -> dict[str, int]:
    reasons = [reason.split(':')[0] for reason in refused.values()]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}


def _write_panels(job: tuple, images: Sequence[str]) -> None:
    """A page with M, seeds, superpixels, q and label of images spread over the set."""
    dataset, _, options, folder = job
    count = min(options.panels, len(images))
    maker = TransferLabelMaker(*job)
    chosen = np.linspace(0, len(images) - 1, count).round().astype(int)
    names = [f'{images[i]}: {", ".join(classes_of(dataset, i))}' for i in chosen]
    panels = [maker.panel(int(i)) for i in chosen]
    entries = [ReportEntry(*pair) for pair in zip(names, panels)]
    palette = np.array(dataset.metainfo['palette'])
    facts = dict(folder=str(folder.path), method=options.method)
    page = report_html('Label transfer', facts, folder.classes, palette, entries)
    (folder.path / 'panels.html').write_text(page)
