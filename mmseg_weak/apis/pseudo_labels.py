"""Trained networks label the images of a click or tag data set, offline."""

import copy
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from rich.progress import track

from .._files import write_json
from ..constants import IGNORE_INDEX
from ..datasets import ClickDataset, ImageTagDataset
from ..datasets.mask_files import read_mask
from ..datasets.transforms.pseudo_labels import REPORT
from ..evaluation.pseudo_label_quality import PseudoLabelQuality
from ..refinement import LabelRule, build_refinement
from ..refinement.cam_label import CamLabelRule
from . import cam_labels, network_labels
from .cam_folder import CamFolder
from .image_scale import warn_of_large_images
from .label_folder import LabelFolder
from .label_pool import map_images

# Steps of a training pipeline that stay: the image as it is, clicks rasterised on it.
KEPT_STEPS = {
    ClickDataset: (
        'LoadImageFromFile',
        'LoadClicks',
        'RasterizeClicks',
        'PackWeakSegInputs',
    ),
    ImageTagDataset: ('LoadImageFromFile', 'LoadImageTags', 'PackWeakSegInputs'),
}


@dataclass
class PseudoLabelOptions:
    """How labels are made.

    Attributes:
        out (str): Folder of the PNGs, ``manifest.json`` and ``report.json``.
        rule (LabelRule): Fusion, threshold and class restriction of segmentors.
        cam_rule (CamLabelRule): Background and steps of a ``CAMSegmentor``.
        cams (str, optional): Folder where the maps of a ``CAMSegmentor`` are stored.
        refinement (dict, optional): See :func:`~mmseg_weak.refinement.build_refinement`.
        scales (Sequence[float], optional): Factors > 0 on the image size to average over.
            Defaults to (0.75, 1, 1.25, 1.5), of a ``CAMSegmentor`` to (1, 0.5, 1.5, 2).
        flip (bool): Average with the mirrored image at every scale.
        workers (int): Processes, >= 1.
        device (str): Where the networks run.
        masks (str, optional): Folder with ``{img_id}.png`` masks to score the labels with;
            they are read after all labels are written.
        overwrite (bool): Replace labels that were made with other settings.

    Raises:
        ValueError: An option is out of its range.
    """

    out: str
    rule: LabelRule = field(default_factory=LabelRule)
    cam_rule: CamLabelRule = field(default_factory=CamLabelRule)
    cams: str | None = None
    refinement: dict | None = None
    scales: Sequence[float] | None = None
    flip: bool = True
    workers: int = 1
    device: str = 'cpu'
    masks: str | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        scales = (1.0,) if self.scales is None else self.scales
        if not scales or not all(0 < scale < float('inf') for scale in scales):
            raise ValueError(f'scales must be numbers > 0, got {self.scales}')
        if self.workers < 1:
            raise ValueError(f'workers must be >= 1, got {self.workers}')
        if self.masks is not None and not Path(self.masks).is_dir():
            raise FileNotFoundError(f'folder of masks {self.masks} does not exist')
        build_refinement(self.refinement)


def make_pseudo_labels(
    config: Config, peers: Sequence[Mapping], options: PseudoLabelOptions
) -> dict:
    """Label every image of a config's training set and report on the labels.

    Finished labels of an earlier call with the same settings stay.

    Args:
        config (Config): Its ``train_dataloader`` names the images and clicks or tags.
        peers (Sequence[dict]): ``dict(config='x.py', checkpoint='y.pth')`` of each network;
            a ``CAMSegmentor`` comes alone.
        options (PseudoLabelOptions): How.

    Returns:
        dict: See :meth:`~mmseg_weak.evaluation.pseudo_label_quality.PseudoLabelQuality.\
summary`; also written to ``report.json``.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: There is no peer, a peer does not fit, or the folder holds other labels.
    """
    if not peers:
        raise ValueError('pseudo-labels need at least one peer')
    init_default_scope(config.get('default_scope', 'mmseg'))
    dataset, background = build_label_dataset(config)
    cam = is_cam(peers)
    scales = options.scales or (cam_labels if cam else network_labels).SCALES
    options = replace(options, scales=tuple(scales))
    if cam:
        options.cam_rule = replace(options.cam_rule, background=background or 0)
    else:
        options.rule = replace(options.rule, background=background)
    folder = LabelFolder(
        Path(options.out),
        _settings(dataset, peers, options, cam),
        tuple(dataset.metainfo['classes']),
        np.array(dataset.metainfo['palette'], np.uint8),
    )
    folder.prepare(options.overwrite)
    warn_of_large_images(config.train_dataloader.dataset, dataset)
    images = [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]
    job, extra = (dataset, peers, options, folder), {}
    if cam:
        extra = _label_by_cams(images, job)
    else:
        _label(network_labels.NetworkLabeller, folder.missing(images), options, *job)
    report = dict(score_folder(folder, images, dataset, options.masks), **extra)
    write_json(folder.path / REPORT, report)
    return report


def is_cam(peers: Sequence[Mapping]) -> bool:
    """Whether the only peer is a ``CAMSegmentor``.

    Raises:
        ValueError: One of several is.
    """
    kinds = [
        os.path.isfile(peer['config']) and cam_labels.is_cam_config(peer['config'])
        for peer in peers
    ]
    if any(kinds) and len(peers) > 1:
        raise ValueError('a CAMSegmentor labels alone, without other peers')
    return any(kinds)


def _label(make: Callable, todo: list[int], options: PseudoLabelOptions, *job) -> None:
    """Label images with a progress bar."""
    if todo:
        done = map_images(make, job, todo, options.workers)
        for _ in track(done, 'pseudo-labels', total=len(todo)):
            pass


def _label_by_cams(images: list[str], job: tuple) -> dict:
    """Choose the background score, label, store maps; returns what the report adds."""
    _, _, options, folder = job
    todo, cams = set(folder.missing(images)), None
    if options.cams is not None:
        keys = ('peers', 'data', 'scales', 'flip')
        settings = {key: folder.settings[key] for key in keys}
        cams = CamFolder(Path(options.cams), settings, folder.classes, folder.palette)
        cams.prepare(options.overwrite)
        todo.update(cams.missing(images))
    score = cam_labels.choose_background_score(job, folder.settings)
    _label(cam_labels.make_cam_labeller, sorted(todo), options, *job, score, cams)
    return dict(background_score=score)


def build_label_dataset(
    config: Config,
) -> tuple[ClickDataset | ImageTagDataset, int | None]:
    """The training set of a config without augmentation, and its background class.

    Raises:
        ValueError: It has neither clicks nor tags, or its pipeline lacks a step.
    """
    settings = copy.deepcopy(config.train_dataloader.dataset)
    while 'dataset' in settings:  # wrappers such as RepeatDataset
        settings = settings.dataset
    kind = DATASETS.get(settings.type)
    steps = next((s for base, s in KEPT_STEPS.items() if issubclass(kind, base)), None)
    if steps is None:
        raise ValueError(
            f'{config.filename}: pseudo-labels need a training set with clicks or tags, '
            f'and train_dataloader.dataset is a {settings.type}'
        )
    kept = [step for step in settings.pipeline if step['type'] in steps]
    absent = set(steps) - {step['type'] for step in kept}
    if absent:
        raise ValueError(
            f'{config.filename}: the pipeline of train_dataloader has no '
            f'{", ".join(sorted(absent))}'
        )
    settings.pipeline = kept
    dataset = DATASETS.build(settings)
    return dataset, dataset.background_index


def _settings(
    dataset: ClickDataset | ImageTagDataset,
    peers: Sequence[Mapping],
    options: PseudoLabelOptions,
    cam: bool,
) -> dict:
    """Everything that a label depends on."""
    data = hashlib.sha256(repr(dataset.pipeline).encode())
    clicked = isinstance(dataset, ClickDataset)
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        data.update(info['img_id'].encode())
        for key in ('clicks', 'click_labels') if clicked else ('tags',):
            data.update(np.ascontiguousarray(info[key]).tobytes())
    if cam:
        steps = [*options.cam_rule.steps]
        rule = dict(asdict(options.cam_rule), steps=[dict(step) for step in steps])
    else:
        rule = dict(asdict(options.rule), refinement=options.refinement)
    return dict(
        peers=[network_identity(**peer) for peer in peers],
        **{'clicks' if clicked and not cam else 'data': data.hexdigest()},
        **rule,
        scales=list(options.scales),
        flip=options.flip,
    )


def network_identity(config: str, checkpoint: str) -> dict:
    """Names and hashes of a network's model and weights.

    Raises:
        FileNotFoundError: A file is absent.
    """
    for path in (config, checkpoint):
        if not os.path.isfile(path):
            raise FileNotFoundError(f'peer: {path} does not exist')
    model = Config.fromfile(config).model.to_dict()
    text = json.dumps(model, sort_keys=True, default=str)
    weights = hashlib.sha256()
    with open(checkpoint, 'rb') as file:
        while block := file.read(2**22):
            weights.update(block)
    return dict(
        config=Path(config).name,
        checkpoint=Path(checkpoint).name,
        model=hashlib.sha256(text.encode()).hexdigest(),
        weights=weights.hexdigest(),
    )


def score_folder(
    folder: LabelFolder,
    images: Sequence[str],
    dataset: BaseSegDataset,
    masks: str | None,
    table: np.ndarray | None = None,
) -> dict:
    """Coverage and class shares of finished labels, and their quality where masks exist.

    Args:
        folder (LabelFolder): The labels.
        images (Sequence[str]): Their image ids.
        dataset (BaseSegDataset): What the ids in the masks mean.
        masks (str, optional): Folder of ``{img_id}.png``.
        table (np.ndarray, optional): (256,) ids of ``dataset`` to those of the labels.
            Defaults to None, they are the same.

    Raises:
        FileNotFoundError: A mask is absent.
        ValueError: A mask does not fit.
    """
    quality = PseudoLabelQuality(folder.classes)
    for image in images:
        mask = None
        try:
            if masks is not None:
                mask = trained_ids(read_mask(Path(masks) / f'{image}.png'), dataset)
                mask = mask if table is None else table[mask]
            quality.add(read_mask(folder.file(image)), mask)
        except ValueError as error:
            raise ValueError(f'image {image!r}: {error}') from None
    return quality.summary()


def trained_ids(mask: np.ndarray, dataset: BaseSegDataset) -> np.ndarray:
    """Relabel a mask as mmseg's ``LoadAnnotations`` does."""
    if mask.max(initial=0) > IGNORE_INDEX:
        raise ValueError(f'the mask holds {mask.max()}, ids end at 255')
    table = np.arange(256)
    if dataset.label_map is not None:
        table[list(dataset.label_map)] = list(dataset.label_map.values())
    if dataset.reduce_zero_label:
        table = table[np.concatenate([[IGNORE_INDEX], np.arange(254), [IGNORE_INDEX]])]
    return table[mask]
