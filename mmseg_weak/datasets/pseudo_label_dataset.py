"""Images with the pseudo-labels of a folder, for any mmseg model."""

import json
import os.path as osp

from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from .transforms.pseudo_labels import MANIFEST, REPORT


@DATASETS.register_module()
class PseudoLabelDataset(BaseSegDataset):
    """The images of a list that have a label in ``data_prefix.seg_map_path``.

    Ids in the PNGs are positions in ``metainfo['classes']``, as
    ``tools/make_pseudo_labels.py`` writes them, so no label is mapped again. Images without
    a label, for instance because they have no tag, are left out and counted.

    Args:
        *args, **kwargs: As for :class:`mmseg.datasets.BaseSegDataset`; ``metainfo`` must
            name the classes.
    """

    def load_data_list(self) -> list[dict]:
        """List images and labels.

        Returns:
            list[dict]: As :meth:`mmseg.datasets.BaseSegDataset.load_data_list`.

        Raises:
            FileNotFoundError: No image of the list has a label; the folder has no
                ``manifest.json``: its labels may be masks, which are not for training; or
                no ``report.json``: they are not finished.
            ValueError: The labels were made for other classes.
        """
        folder = self.data_prefix['seg_map_path']
        self._check_classes(osp.join(folder, MANIFEST))
        images = super().load_data_list()
        kept = [info for info in images if osp.isfile(info['seg_map_path'])]
        if not kept:
            raise FileNotFoundError(
                f'{folder} holds no label of the {len(images)} images of {self.ann_file}'
            )
        if len(kept) < len(images):
            print_log(
                f'{type(self).__name__}: {len(images) - len(kept)} of {len(images)} images '
                f'have no label in {folder} and are left out',
                'current',
            )
        # Labels are positions in the class list already.
        return [dict(info, label_map=None, reduce_zero_label=False) for info in kept]

    def _check_classes(self, manifest: str) -> None:
        if not osp.isfile(manifest):
            raise FileNotFoundError(
                f'{manifest} does not exist, so the folder was not made by '
                'tools/make_pseudo_labels.py; a weakly supervised training reads no masks'
            )
        report = osp.join(osp.dirname(manifest), REPORT)
        if not osp.isfile(report):
            raise FileNotFoundError(
                f'{report} does not exist, so the labels are not finished; the same call '
                'of tools/make_pseudo_labels.py goes on'
            )
        with open(manifest) as file:
            made_for = json.load(file).get('classes')
        classes = list(self.metainfo['classes'] or ())
        if made_for is not None and list(made_for) != classes:
            raise ValueError(
                f'{manifest}: the labels were made for the classes {", ".join(made_for)}, '
                f'the data set has {", ".join(classes)}'
            )
