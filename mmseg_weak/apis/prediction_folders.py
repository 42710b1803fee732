"""Where metrics write label maps, one file an image."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.evaluator import BaseMetric
from torch.utils.data import Dataset


def prediction_folders(metrics: Sequence[BaseMetric], dataset: Dataset) -> list[str]:
    """Folders that metrics write label maps to, named by the image without its folder.

    Args:
        metrics (Sequence[BaseMetric]): Those with an ``output_dir`` write.
        dataset (Dataset): The tested images.

    Returns:
        list[str]: The folders.

    Raises:
        ValueError: Two images would have the same file.
    """
    folders = [m.output_dir for m in metrics if getattr(m, 'output_dir', None)]
    seen: dict[str, str] = {}
    for i in range(len(dataset) if folders else 0):
        path = dataset.get_data_info(i)['img_path']
        other = seen.setdefault(Path(path).stem, path)
        if other != path:
            raise ValueError(
                f'the label maps of {other} and {path} would be one file of {folders[0]}; '
                'test lists without equal names one after the other, by '
                'test_dataloader.dataset.ann_file, each with its own --out'
            )
    return folders
