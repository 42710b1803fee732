"""One image after the other: foreground map, activation maps, diffusion, label."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from torch import Tensor, nn

from ..constants import IGNORE_INDEX
from ..datasets import StrongWeakDataset
from ..datasets.class_splits import CLASS_SPLITS
from ..models import CAMSegmentor
from ..models.cam.tags import class_labels, foreground_index
from ..models.inference.fast_convolutions import prepare_inference
from ..models.inference.peers import load_network, predict_probabilities
from ..models.inputs.image_values import from_unit_rgb
from ..refinement import Diffusion, NoAnchorError, superpixel_diffusion
from ..visualization.transfer_panel import transfer_panel
from .dataset_settings import single_datasets
from .label_folder import LabelFolder

METHODS = ('diffusion', 'cam')


class TransferLabelMaker:
    """Labels weak images with a foreground network and a tag classifier.

    Args:
        dataset (StrongWeakDataset): Whole images with their tags.
        networks (Sequence[dict]): Config and checkpoint of the foreground network and of
            the ``CAMSegmentor``.
        options (TransferLabelOptions): How.
        folder (LabelFolder): Where labels are written.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: A network does not fit.
    """

    def __init__(
        self,
        dataset: StrongWeakDataset,
        networks: Sequence[Mapping],
        options,
        folder: LabelFolder,
    ) -> None:
        init_default_scope('mmseg')
        self.dataset, self.options, self.folder = dataset, options, folder
        foreground = _load_foreground(networks[0])
        _check_supervision(networks[0], dataset)
        classifier, self.tag_classes = _load_classifier(networks[1], dataset)
        self.foreground = prepare_inference(foreground.to(options.device))
        self.classifier = prepare_inference(classifier.to(options.device))

    def __call__(self, index: int) -> str | None:
        """Label the image at a position of the data set.

        Returns:
            str | None: Why the image was refused; its label is then 255 everywhere.
        """
        sample, pixels, foreground, cams, classes = self._maps(index)
        reason = diffusion = None
        try:
            if self.options.method == 'diffusion':
                diffusion = self._diffuse(pixels, foreground, cams)
            labels = self._labels(cams, classes, diffusion)
        except NoAnchorError as error:
            names = [self.folder.classes[c] for c in classes]
            reason = f'{error} (classes of the image: {", ".join(names)})'
            labels = np.full(pixels.shape[:2], IGNORE_INDEX)
        except ValueError as error:
            raise ValueError(f'{sample.img_path}: {error}') from None
        self.folder.write(sample.img_id, labels.astype(np.uint8))
        return reason

    def panel(self, index: int) -> np.ndarray:
        """Picture of an image's label and of what led to it, (H, W, 3) uint8."""
        _, pixels, foreground, cams, classes = self._maps(index)
        palette = np.array(self.dataset.metainfo['palette'])
        diffusion = None
        try:
            if self.options.method == 'diffusion':
                diffusion = self._diffuse(pixels, foreground, cams)
            labels = self._labels(cams, classes, diffusion)
        except NoAnchorError:
            labels = np.full(pixels.shape[:2], IGNORE_INDEX)
        return transfer_panel(pixels, foreground, cams, diffusion, labels, classes, palette)

    @torch.no_grad()
    def _maps(self, index: int) -> tuple:
        """Sample, RGB image, M, activation maps of its tags, their class indices."""
        item = self.dataset[index]
        sample = item['data_samples']
        pixels = item['inputs'].flip(0)  # mmcv: BGR
        image = pixels[None].to(self.options.device) / 255
        foreground = self._foreground(image)[0, 0].cpu().numpy()
        head = self.classifier.decode_head
        tags = torch.zeros(1, head.num_foreground)
        for c in sample.image_classes:
            label = self.tag_classes.index(self.folder.classes[c])
            tags[0, foreground_index(label, head.num_foreground, head.background)] = 1
        maps, found, _ = self.classifier.cams(
            from_unit_rgb(image, self.classifier.data_preprocessor),
            tags,
            tuple(image.shape[2:]),
            self.options.scales,
            self.options.flip,
        )
        labels = class_labels(head.num_foreground, head.background)
        names = [self.tag_classes[i] for i in labels[found[0].cpu()]]
        classes = np.array([self.folder.classes.index(name) for name in names], int)
        pixels = pixels.permute(1, 2, 0).contiguous().numpy()
        return sample, pixels, foreground, maps[0].cpu().numpy(), classes

    def _foreground(self, image: Tensor) -> Tensor:
        """Mean over scales and flips, shape (1, 1, H, W)."""
        flips = (False, True) if self.options.flip else (False,)
        views = [(scale, flip) for scale in self.options.scales for flip in flips]
        total = 0
        for scale, flip in views:
            view = predict_probabilities(self.foreground, image, scale, flip, whole=False)
            total = total + view
        return (total / len(views)).clamp(0, 1)

    def _labels(
        self, cams: np.ndarray, classes: np.ndarray, diffusion: Diffusion | None
    ) -> np.ndarray:
        """Class indices of the data set, (H, W); without diffusion the maps decide."""
        if diffusion is None:
            winner = cams.argmax(axis=0) + 1
            winner[cams.max(axis=0) < self.options.cam_threshold] = 0
        else:
            winner = diffusion.labels
        return np.concatenate([[self.dataset.split.background], classes])[winner]

    def _diffuse(
        self, pixels: np.ndarray, foreground: np.ndarray, cams: np.ndarray
    ) -> Diffusion:
        return superpixel_diffusion(pixels, cams, foreground, self.options.diffusion)


def classes_of(dataset: StrongWeakDataset, index: int) -> list[str]:
    """Names of an image's tags."""
    return [dataset.split.classes[c] for c in dataset.get_data_info(index)['tags']]


def _load_foreground(network: Mapping) -> nn.Module:
    model, _ = load_network(**network)
    if model.out_channels != 1:
        raise ValueError(
            f'{network["config"]}: a label transfer network has one output per pixel '
            f'(num_classes=2, out_channels=1), this model has {model.out_channels}'
        )
    return model


def _check_supervision(network: Mapping, dataset: StrongWeakDataset) -> None:
    """The masks of weak classes must not come in through the foreground network."""
    config = Config.fromfile(network['config'])
    weak = {dataset.split.classes[c] for c in dataset.split.weak}
    loader = config.get('train_dataloader')
    if not loader:
        return
    for settings in single_datasets(loader.dataset, is_strong_weak):
        names = {
            dataset.class_map.get(name, name) for name in _classes_with_masks(settings)
        }
        if seen := weak & names:
            raise ValueError(
                f'{network["config"]}: the network learnt from masks of '
                f'{", ".join(sorted(seen))}, which is weak here; take the one of this '
                'split (a StrongWeakDataset hides the masks of weak classes)'
            )


def _classes_with_masks(settings: Mapping) -> set[str]:
    """Classes whose masks a data set shows."""
    if is_strong_weak(settings):
        named = CLASS_SPLITS.get(settings.get('split'), ((), ()))
        return {*settings.get('strong_classes', ()), *named[0]}
    kind = DATASETS.get(settings['type'])
    metainfo = {**getattr(kind, 'METAINFO', {}), **(settings.get('metainfo') or {})}
    return set(metainfo.get('classes') or ())


def is_strong_weak(settings: Mapping) -> bool:
    """Whether these are the settings of a ``StrongWeakDataset``."""
    kind = DATASETS.get(settings['type'])
    return isinstance(kind, type) and issubclass(kind, StrongWeakDataset)


def strong_weak_sets(settings: Mapping) -> Iterator[dict]:
    """Settings of strong-weak sets, of those inside wrappers as well."""
    return filter(is_strong_weak, single_datasets(settings, is_strong_weak))


def _load_classifier(
    network: Mapping, dataset: StrongWeakDataset
) -> tuple[nn.Module, tuple[str, ...]]:
    """The tag classifier and its classes, in its own order, perhaps others as well."""
    model, trained_on = load_network(**network)
    if not isinstance(model, CAMSegmentor):
        raise ValueError(
            f'{network["config"]}: seeds need a CAMSegmentor, got {type(model).__name__}'
        )
    classes = tuple(trained_on or dataset.split.classes)
    needed = {
        dataset.split.classes[c]
        for i in range(len(dataset))
        for c in dataset.get_data_info(i)['tags']
    }
    absent = sorted(needed - set(classes))
    if absent or len(classes) != model.out_channels:
        raise ValueError(
            f'{network["checkpoint"]} classifies {model.out_channels} classes '
            f'({", ".join(classes)}), the tags need {", ".join(absent or sorted(needed))}'
        )
    return model, classes
