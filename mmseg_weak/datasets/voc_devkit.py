"""The PASCAL VOC 2012 devkit as files: split lists, images, classes of an image."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from mmseg.datasets import PascalVOCDataset

from .._messages import reason_of
from .image_files import list_image_ids
from .mask_files import read_mask

VOC_CLASSES = PascalVOCDataset.METAINFO['classes']
DOWNLOAD = 'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/'
VOID = 255


class VOCDevkit:
    """Checked access to ``VOCdevkit/VOC2012``.

    Args:
        root (str | Path): The folder ``VOC2012``.
        masks (str | Path, optional): ``SegmentationClassAug``, the masks of SBD in the ids
            and palette of VOC. Defaults to None.

    Raises:
        FileNotFoundError: A folder or a split list is absent; the message says where it
            comes from.
    """

    def __init__(self, root: str | Path, masks: str | Path | None = None) -> None:
        self.root = Path(root)
        self.images = self.root / 'JPEGImages'
        self.official_masks = self.root / 'SegmentationClass'
        self.annotations = self.root / 'Annotations'
        self.masks = None if masks is None else Path(masks)
        for folder in (self.images, self.official_masks):
            if not folder.is_dir():
                raise FileNotFoundError(
                    f'{folder} not found: the first argument must be the folder VOC2012 of '
                    f'the devkit ({DOWNLOAD})'
                )
        if self.masks is not None and not self.masks.is_dir():
            raise FileNotFoundError(f'mask folder not found: {self.masks}')
        self.train, self.val = (self._split(name) for name in ('train', 'val'))

    def _split(self, name: str) -> list[str]:
        path = self.root / 'ImageSets' / 'Segmentation' / f'{name}.txt'
        return list_image_ids(str(self.images), str(path))

    def image(self, image_id: str) -> Path:
        """Path of an image."""
        return self.images / f'{image_id}.jpg'

    def image_ids(self) -> set[str]:
        """Ids of all images that are there."""
        return {path.stem for path in self.images.glob('*.jpg')}

    def mask(self, image_id: str) -> Path | None:
        """Path of the best mask of an image: the official one, SBD's, or none."""
        for folder in (self.official_masks, self.masks):
            path = folder and folder / f'{image_id}.png'
            if path and path.is_file():
                return path
        return None

    def classes_of(self, image_id: str) -> set[str]:
        """Names of the object classes of an image, the image tags.

        They are those of the mask where ``masks`` was given, otherwise those of the boxes
        in ``Annotations/*.xml``, which VOC has for every image. The two differ at times:
        boxes also name objects that the mask lacks.

        Raises:
            FileNotFoundError: Neither is there.
            ValueError: Mask or XML is malformed.
        """
        path = self.mask(image_id) if self.masks is not None else None
        if path is not None:
            return mask_classes(path)
        path = self.annotations / f'{image_id}.xml'
        if not path.is_file():
            raise FileNotFoundError(
                f'the classes of {image_id} are not known: there is no {path} and no mask'
            )
        names = box_classes(path)
        unknown = sorted(names - set(VOC_CLASSES[1:]))
        if unknown:
            raise ValueError(f'{path}: unknown class {unknown[0]!r}')
        return names


def mask_classes(path: Path) -> set[str]:
    """Names of the object classes in a mask of VOC ids.

    Raises:
        ValueError: A pixel is neither 0 to 20 nor 255.
    """
    ids = set(np.unique(read_mask(path)).tolist()) - {0, VOID}
    wrong = sorted(i for i in ids if i >= len(VOC_CLASSES))
    if wrong:
        raise ValueError(
            f'{path}: class id {wrong[0]}, VOC has 0 to 20 and 255; masks must be label '
            'images, as SegmentationClassAug is distributed'
        )
    return {VOC_CLASSES[i] for i in ids}


def box_classes(path: Path | str) -> set[str]:
    """Names of the objects in an annotation XML, whatever they are.

    Raises:
        ValueError: It is no XML.
    """
    try:
        objects = ElementTree.parse(path).getroot().iter('object')
    # LookupError and ValueError: an encoding that Python does not know.
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise ValueError(f'{path}: not valid XML ({reason_of(error)})') from None
    except RecursionError:
        raise ValueError(f'{path}: not valid XML (nested too deeply)') from None
    return {(entry.findtext('name') or '').strip() for entry in objects}
