"""Pictures of the labels that two branches make for each other."""

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ..unwrapping import unwrapped


@HOOKS.register_module()
class BranchVisualizationHook(Hook):
    """Draws CAM labels, segmentation labels and prediction of training crops.

    For a :class:`~mmseg_weak.models.segmentors.MutualPromotionSegmentor`: a panel is the
    crop, its CAMs as a segmentation, ``Y_c`` (what the segmentation branch learns), ``Y_s``
    (what the CAMs learn) and the segmentation branch's prediction. They are those of the
    training step itself: nothing is computed again and no random number is drawn. Until
    the segmentation losses start there is nothing to draw.

    Args:
        interval (int): Training iterations between two pictures, >= 1. Defaults to 500.
        num_images (int): Crops of the batch to draw, >= 1. Defaults to 2.

    Raises:
        ValueError: An option is out of its range, or model or visualizer do not fit.
    """

    priority = 'LOW'

    def __init__(self, interval: int = 500, num_images: int = 2) -> None:
        if min(interval, num_images) < 1:
            raise ValueError(
                'BranchVisualizationHook: interval and num_images must be >= 1, got '
                f'{interval} and {num_images}'
            )
        self.interval = interval
        self.num_images = num_images

    def before_train(self, runner) -> None:
        """Check model and visualizer before any time is spent."""
        if not hasattr(runner.visualizer, 'add_panel'):
            raise ValueError(
                'BranchVisualizationHook needs visualizer=dict(type='
                f"'WeakSegLocalVisualizer', ...), got {type(runner.visualizer).__name__}"
            )
        if not hasattr(unwrapped(runner.model), 'watch_labels'):
            raise ValueError(
                'BranchVisualizationHook needs a segmentor that keeps its labels '
                '(watch_labels), such as MutualPromotionSegmentor, got '
                f'{type(unwrapped(runner.model)).__name__}'
            )

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Have the step keep its labels."""
        due = is_main_process() and self.every_n_train_iters(runner, self.interval)
        unwrapped(runner.model).watch_labels(due)

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None):
        """Draw them."""
        maps = unwrapped(runner.model).watched
        if not maps:
            return
        for i, image in enumerate(data_batch['inputs'][: self.num_images]):
            height, width = image.shape[1:]
            shown = {
                name: labels[i, :height, :width].cpu().numpy().astype(np.uint8)
                for name, labels in maps.items()
            }
            rgb = image.permute(1, 2, 0).numpy()[..., ::-1].clip(0, 255).astype(np.uint8)
            runner.visualizer.add_panel(f'train_{i}', rgb, shown, step=runner.iter + 1)
        unwrapped(runner.model).watch_labels(False)
