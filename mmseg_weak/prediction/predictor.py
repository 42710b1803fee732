"""Masks of photographs of any size from a checkpoint."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_state_dict
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from mmseg.structures import SegDataSample

from ..apis.dataset_settings import single_datasets
from ..apis.launch import without_sync_norm
from ..checkpoints import read_checkpoint, require_weights
from ..configs import read_config
from ..models.declaration import declarations
from ..visualization.palette import distinct_palette
from .scale import steps_of, training_scale
from .tiles import enlarged_bands, tiled_scores

# Images of more pixels than this go through the network in tiles.
WHOLE = 1536 * 1536
TILE, STRIDE = 1024, 768
# Values that are resized at once.
LARGE = 2**26
LOADERS = ('LoadImageFromFile', 'LoadImageFromNDArray')
# Steps that a new photograph goes through as well; others need labels or are random.
KEPT = ('Normalize', 'Pad', 'RGB2Gray')


class Predictor:
    """A trained network that turns photographs into masks.

    Photographs are brought to the scale of the training before the network sees them, and
    masks come back in the photograph's own size::

        predict = Predictor('work_dirs/cells/iter_600.pth')
        mask = predict('photo.jpg')
        print(predict.classes[mask.max()])

    Args:
        checkpoint (str | os.PathLike): Checkpoint of a training.
        config (str | os.PathLike | Config, optional): Its config. Defaults to the one that
            the checkpoint carries.
        device (str, optional): Such as ``cpu`` or ``cuda:0``. Defaults to a GPU where there
            is one.

    Attributes:
        classes (tuple[str, ...]): Names of the values of a mask.
        palette (np.ndarray): (n, 3) uint8 RGB, their colours.
        scale (TrainingScale | None): What photographs are brought to.

    Raises:
        FileNotFoundError: Checkpoint or config do not exist.
        ValueError: The checkpoint is not complete, carries no config, or is not one of
            the config.
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike,
        config: str | os.PathLike | Config | None = None,
        device: str | None = None,
    ) -> None:
        self.checkpoint = os.fspath(checkpoint)
        content = read_checkpoint(self.checkpoint)
        meta = content.get('meta') or {}
        self.config = without_sync_norm(_config(config, meta, self.checkpoint))
        init_default_scope(self.config.get('default_scope', 'mmseg'))
        self.device = device or get_device()
        self.model = self._build_model(content)
        self.scale = training_scale(self.config)
        info = _dataset_info(self.config, meta)
        self.classes = tuple(info['classes'])
        self.palette = np.array(
            info.get('palette') or distinct_palette(self.classes), dtype=np.uint8
        )
        self.background = next(
            (i for i, name in enumerate(self.classes) if name == 'background'), None
        )
        self.pipeline = self._pipeline('LoadImageFromFile')
        self._from_array = self._pipeline('LoadImageFromNDArray')

    def __call__(self, photo: str | os.PathLike | np.ndarray) -> np.ndarray:
        """Mask of one photograph.

        Args:
            photo (str | os.PathLike | np.ndarray): File, or (H, W, 3) uint8 RGB.

        Returns:
            np.ndarray: (H, W) uint8 positions in ``classes``.

        Raises:
            FileNotFoundError: The file does not exist.
            ValueError: It is no image, or the array has another shape.
        """
        return self.predict([self.prepare(photo)])[0]

    def prepare(self, photo: str | os.PathLike | np.ndarray) -> dict:
        """Load and resize a photograph; works in another process too.

        Returns:
            dict: ``inputs`` and ``data_samples``, as mmseg's models take them.
        """
        return load(photo, self.pipeline, self._from_array)

    @torch.inference_mode()
    def predict(self, batch: Sequence[dict]) -> list[np.ndarray]:
        """Masks of prepared photographs that have the same size before the network.

        Args:
            batch (Sequence[dict]): What :meth:`prepare` returned.

        Returns:
            list[np.ndarray]: (H, W) uint8 each, in the photograph's own size.
        """
        sizes = [sample['data_samples'].ori_shape for sample in batch]
        for sample in batch:
            # Scores come back as the network saw the photograph: large ones would not fit.
            shape = sample['data_samples'].img_shape
            sample['data_samples'].set_metainfo(dict(ori_shape=shape))
        if self._is_large(batch[0]['inputs']):
            pairs = zip(batch, sizes)
            return [self._tiled(sample['inputs'], size) for sample, size in pairs]
        data = {key: [sample[key] for sample in batch] for key in batch[0]}
        return [
            self._mask(result.seg_logits.data, size)
            for result, size in zip(self.model.test_step(data), sizes)
        ]

    def _mask(self, scores: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
        """Classes of scores; of a single one the probability."""
        if scores.shape[-2:] != size and size[0] * size[1] > LARGE:
            bands = enlarged_bands(scores, size, LARGE // len(scores))
            parts = [self._mask(band, band.shape[-2:]) for _, band in bands]
            return np.concatenate(parts)
        if len(scores) == 1:  # foreground or not
            probs = enlarge(scores[0], size)
            return (probs > self.model.decode_head.threshold).byte().cpu().numpy()
        return enlarged_argmax(scores, size).cpu().numpy()

    def _is_large(self, picture: torch.Tensor) -> bool:
        """Whether a picture goes through the network in tiles."""
        # Classes that the whole picture has or lacks cannot be told from a tile.
        declared, threshold = declarations(self.config.model), 'tag_threshold'
        whole = declared.scores_are_maps or self.model.test_cfg.get(threshold) is not None
        return not whole and picture.shape[-2] * picture.shape[-1] > WHOLE

    def _tiled(self, picture: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
        """Mask of a picture that is too large for one piece, of any size.

        What the network saw in the photograph's own size is turned into classes region by
        region; the scores of a resized one, which is no larger than those of training,
        are kept, since they are resized first.
        """
        shape, mask, whole = tuple(picture.shape[-2:]), np.empty(size, np.uint8), None
        window = self.model.test_cfg
        slides = window.get('mode') == 'slide'
        crop, stride = (
            (window.crop_size, window.stride) if slides else ((TILE,) * 2, (STRIDE,) * 2)
        )
        for region, scores in tiled_scores(self._scores, picture, crop, stride):
            if len(scores) == 1:
                scores = scores.sigmoid()
            if shape == size:
                mask[region] = self._mask(scores, scores.shape[-2:])
                continue
            if whole is None:
                whole = scores.new_empty(len(scores), *shape)
            whole[:, region[0], region[1]] = scores
        return mask if whole is None else self._mask(whole, size)

    def _scores(self, tile: torch.Tensor) -> torch.Tensor:
        """Scores (C, h, w) of a tile."""
        height, width = shape = tuple(tile.shape[-2:])
        meta = dict(img_shape=shape, ori_shape=shape, pad_shape=shape)
        data = dict(inputs=[tile], data_samples=[SegDataSample(metainfo=meta)])
        data = self.model.data_preprocessor(data, False)
        metas = [data['data_samples'][0].metainfo]
        return self.model.encode_decode(data['inputs'], metas)[0, :, :height, :width]

    def _build_model(self, content: Mapping) -> torch.nn.Module:
        settings, declared = self.config.model, declarations(self.config.model)
        if declared.stock_type and len(declared.branches) == 1:
            # Peers and other parts of the training need not be there.
            options = declared.training_options()
            settings = {k: v for k, v in settings.items() if k not in options}
            settings['type'] = declared.stock_type
        model = MODELS.build(settings)
        name = self.config.filename or 'the config'
        require_weights(model, content, self.checkpoint, name)
        load_state_dict(model, content.get('state_dict', content), logger='silent')
        return model.to(self.device).eval()

    def _pipeline(self, loader: str) -> Compose:
        """The pipeline of tests without labels, at the scale of the training."""
        steps = list(steps_of(self.config.get('test_dataloader')))
        kept = [step for step in steps if step['type'] in KEPT]
        first = next((s for s in steps if _loads_images(s)), dict(type=loader))
        if first['type'] in LOADERS:
            first = dict(first, type=loader)
        elif loader == 'LoadImageFromNDArray':  # one of its own, as LoadDeepImage
            first = dict(type=loader)
        scale = self.scale
        resize = [] if scale is None else [dict(type='ResizeToTraining', **vars(scale))]
        return Compose([first, *resize, *kept, dict(type='PackSegInputs')])


def _loads_images(step: Mapping) -> bool:
    kind = step['type']
    kind = TRANSFORMS.get(kind) if isinstance(kind, str) else kind
    return isinstance(kind, type) and issubclass(kind, LoadImageFromFile)


def load(photo, from_file: Compose, from_array: Compose) -> dict:
    """Run a photograph through one of two pipelines.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is no image, or the array has another shape.
    """
    if isinstance(photo, np.ndarray):
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
            raise ValueError(
                f'expected (H, W, 3) uint8 RGB, got {photo.shape} {photo.dtype}'
            )
        return from_array(dict(img=np.ascontiguousarray(photo[..., ::-1])))
    path = os.fspath(photo)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'photograph {path} does not exist')
    try:
        return from_file(dict(img_path=path))
    except Exception as error:
        # OpenCV and mmcv raise this and that, or go on without an image.
        raise ValueError(f'{path} cannot be read as an image ({error})') from None


def enlarge(plane: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize (h, w) scores as mmseg does, bilinearly, to (H, W)."""
    if tuple(plane.shape) == tuple(size):
        return plane
    plane = plane[None, None].float()
    return F.interpolate(plane, tuple(size), mode='bilinear', align_corners=False)[0, 0]


def enlarged_argmax(scores: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Class of the largest enlarged score, with memory for one class at a time.

    Args:
        scores (Tensor): (C, h, w), C of at most 255.
        size (tuple[int, int]): Height and width of the result.

    Returns:
        Tensor: (H, W) uint8, the first class of equal scores.
    """
    best = enlarge(scores[0], size)
    labels = torch.zeros(best.shape, dtype=torch.uint8, device=best.device)
    for i, plane in enumerate(scores[1:], 1):
        plane = enlarge(plane, size)
        labels[plane > best] = i
        best = torch.maximum(best, plane)
    return labels


def _config(given, meta: dict, checkpoint: str) -> Config:
    """The config that was given, or the one that a checkpoint carries."""
    if isinstance(given, Config):
        return given
    if given is not None:
        return read_config(given)
    text = meta.get('cfg')
    if not text:
        raise ValueError(f'{checkpoint} carries no config: give that of its training')
    return Config.fromstring(text, '.py')


def _dataset_info(config: Config, meta: dict) -> dict:
    """Classes and palette: of the config, of its data set's type, of the checkpoint."""
    info = {}
    for name in ('test_dataloader', 'val_dataloader', 'train_dataloader'):
        loader = config.get(name)
        for dataset in single_datasets(loader.dataset) if loader else ():
            found = dict(getattr(DATASETS.get(dataset.type), 'METAINFO', {}))
            given = dataset.get('metainfo') or {}
            if 'classes' in given and 'palette' not in given:
                found = _palette_of(given['classes'], found)
            found.update(given)
            info = info or (found if found.get('classes') else {})
    info = info or dict(meta.get('dataset_meta') or {})
    if not info.get('classes'):
        raise ValueError('neither config nor checkpoint name the classes (metainfo)')
    return info


def _palette_of(classes: Sequence[str], known: dict) -> dict:
    """Colours of a data set's own classes for some of them."""
    names, colours = known.get('classes') or (), known.get('palette') or ()
    table = dict(zip(names, colours))
    if all(name in table for name in classes):
        return dict(palette=[table[name] for name in classes])
    return {}
