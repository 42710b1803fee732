"""Images with the pseudo-labels of a folder, for any mmseg model."""

import os
import os.path as osp
from typing import ClassVar

from mmseg.registry import DATASETS

from .pseudo_label_folder import PseudoLabelFolder
from .weak_dataset import WeakSegDataset, image_of


@DATASETS.register_module()
class PseudoLabelDataset(WeakSegDataset):
    """The images of a list that have a label in ``pseudo_label_dir``, labels as masks.

    Ids in the PNGs are positions in ``metainfo['classes']``, as
    ``mmseg-weak label`` writes them, so no label is mapped again. Images without
    a label, for instance because they have no tag, are left out and counted. The pipeline
    reads the labels with ``LoadAnnotations``.

    Args:
        pseudo_label_dir (str): The folder; ``data_prefix.seg_map_path`` says the same.
        data_prefix (dict): ``img_path``.
        **kwargs: As for :class:`~.weak_dataset.WeakSegDataset`; ``metainfo`` must name the
            classes.

    Raises:
        ValueError: No folder is given, or two.
    """

    loads_pseudo_labels: ClassVar[bool] = False

    def __init__(
        self,
        pseudo_label_dir: str | os.PathLike | None = None,
        data_prefix: dict | None = None,
        **kwargs,
    ) -> None:
        data_prefix = dict(data_prefix or {})
        if (pseudo_label_dir is None) == (not data_prefix.get('seg_map_path')):
            raise ValueError(
                f'{type(self).__name__} needs pseudo_label_dir, the folder of the labels '
                '(earlier named data_prefix.seg_map_path; give one of them)'
            )
        if pseudo_label_dir is not None:  # never joined to data_root
            data_prefix['seg_map_path'] = osp.abspath(pseudo_label_dir)
        super().__init__(
            pseudo_label_dir=pseudo_label_dir, data_prefix=data_prefix, **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """List images and labels.

        Returns:
            list[dict]: As :meth:`mmseg.datasets.BaseSegDataset.load_data_list`.

        Raises:
            FileNotFoundError, ValueError: See :meth:`.PseudoLabelFolder.check`.
        """
        folder = self.data_prefix['seg_map_path']
        samples = super().load_data_list()
        images = [image_of(self, sample['img_path']) for sample in samples]
        kept = set(
            PseudoLabelFolder(folder).check(images, self.metainfo['classes'] or (), True)
        )
        if len(kept) < len(images):
            self._tell(
                f'{len(images) - len(kept)} of {len(images)} images have no label in '
                f'{folder} and are left out'
            )
        # Labels are positions in the class list already.
        return [
            dict(sample, label_map=None, reduce_zero_label=False)
            for sample, image in zip(samples, images)
            if image in kept
        ]
