"""COCO 2014 and 2017 with the classes of its objects as tags."""

import contextlib
import io
import os.path as osp
from collections.abc import Sequence
from typing import Any

from mmseg.registry import DATASETS

from .._messages import shortened
from .class_resolver import ClassResolver
from .class_splits import COCO_CLASSES
from .image_files import as_suffixes, image_id
from .tag_dataset import ImageTagDataset
from .tag_formats import Tags


def bit_palette(num_classes: int) -> list[list[int]]:
    """Distinct colours by the bits of the class index, as VOC's palette is made.

    Args:
        num_classes (int): Number of classes, up to 256.

    Returns:
        list[list[int]]: (n, 3) colours, 0 to 255.
    """
    return [
        [
            sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3))
            for channel in range(3)
        ]
        for index in range(num_classes)
    ]


@DATASETS.register_module()
class CocoTagDataset(ImageTagDataset):
    """COCO's 80 object classes and background, tags from ``instances_*.json``.

    Every annotation of an image counts, crowds too; segments and boxes are not used. Class
    c of the data set is the c-th category in the order of COCO's ids (person is 1).
    ``metainfo=dict(classes=('background', ...))`` takes a subset of these, or the category
    names of another COCO-style file (``unknown_tags='ignore'`` for some of them).

    In training ``ann_file`` is the JSON. With ``test_mode=True`` it is a split list or
    empty, and the masks are PNGs of class indices.

    Args:
        **kwargs: See :class:`ImageTagDataset`.

    Raises:
        FileNotFoundError: The JSON or an image is absent.
        ValueError: The JSON is malformed, or an annotation names an unknown image or class.
    """

    METAINFO = dict(
        classes=('background', *COCO_CLASSES), palette=bit_palette(len(COCO_CLASSES) + 1)
    )

    @classmethod
    def _load_metainfo(cls, metainfo: dict | None = None) -> dict:
        """As the base class, with colours for classes of a file of one's own."""
        loaded = super()._load_metainfo(metainfo)
        classes = loaded.get('classes') or ()
        own = not set(classes) <= set(cls.METAINFO['classes'])
        if own and 'palette' not in (metainfo or {}):
            loaded['palette'] = bit_palette(len(classes))
        return loaded

    @classmethod
    def get_label_map(cls, new_classes: Sequence | None = None) -> dict | None:
        """None for classes that are not COCO's: they count as they stand."""
        if new_classes and not set(new_classes) <= set(cls.METAINFO['classes']):
            return None
        return super().get_label_map(new_classes)

    def _resolver(self) -> ClassResolver:
        classes = self._metainfo['classes']
        if set(classes) <= set(self.METAINFO['classes']):
            return super()._resolver()
        return ClassResolver(classes, first_id=int(self.reduce_zero_label))

    def _check_source(self) -> None:
        if self.tag_files or self.click_files:
            raise ValueError('CocoTagDataset reads the tags of its ann_file, no other file')

    def _list_images(self) -> tuple[dict[str, str], Tags]:
        if not osp.isfile(self.ann_file):
            raise FileNotFoundError(
                f'annotations not found: {self.ann_file!r} (ann_file must be an '
                'instances_*.json of COCO)'
            )
        coco = load_coco(self.ann_file)
        resolve, names, tags = self._known(self._resolver()), {}, {}
        folder, paths = self.data_prefix.get('img_path') or '', {}
        for number, image in coco.imgs.items():
            file = self._entry('image', number, image, 'file_name')
            names[number] = image_id(file, self.img_suffix)
            paths[names[number]] = osp.join(folder, _with_suffix(file, self.img_suffix))
            tags[names[number]] = set()
        try:
            labels = {
                number: resolve(self._entry('category', number, category, 'name'))
                for number, category in coco.cats.items()
            }
        except ValueError as error:
            text = str(error).removeprefix(f'{self.ann_file}: ')
            raise ValueError(f'{self.ann_file}: {text}') from None
        for number, annotation in coco.anns.items():
            try:
                label = labels[annotation['category_id']]
                tags[names[annotation['image_id']]].add(label)
            except (KeyError, TypeError) as error:
                raise ValueError(
                    f'{self.ann_file}: annotation {shortened(number, 40)} names '
                    f'{shortened(error, 80)}, which is no '
                    'image_id or category_id of the file'
                ) from None
        return paths, tags

    def _entry(self, kind: str, number: int, content: dict, key: str) -> str:
        value = content.get(key)
        if not isinstance(value, str):
            raise ValueError(
                f'{self.ann_file}: {kind} {shortened(number, 40)} has no {key}'
            )
        return value


def _with_suffix(file: str, suffix: str | Sequence[str]) -> str:
    """The file of an image; some exports leave the suffix out."""
    ends = tuple(end.lower() for end in as_suffixes(suffix))
    return file if file.lower().endswith(ends) else file + as_suffixes(suffix)[0]


def load_coco(path: str) -> Any:
    """COCO's own reader, silent and with one error.

    Raises:
        ImportError: pycocotools is not installed.
        ValueError: The file is not COCO's.
    """
    try:
        from pycocotools.coco import COCO
    except ImportError:
        raise ImportError(
            'CocoTagDataset needs pycocotools: pip install pycocotools'
        ) from None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(path)
    # What pycocotools raises for a file of another layout, or one nested too deeply.
    except (
        *(ValueError, KeyError, TypeError, AssertionError),
        *(AttributeError, IndexError, RecursionError),
    ) as error:
        raise ValueError(f'{path}: no COCO annotations ({error!r:.200})') from None
    if not coco.imgs or not coco.cats:
        raise ValueError(f'{path}: no COCO annotations (no images or no categories)')
    return coco
