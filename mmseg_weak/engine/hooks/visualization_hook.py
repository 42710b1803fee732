"""Pictures of training: what networks predict and what branches teach each other."""

from typing import Annotated

import mmcv
import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import EMAHook, Hook
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..._ranges import Interval, check_ranges
from ..unwrapping import unwrapped

FromZero = Annotated[int, Interval(0, says='>= 0')]


@HOOKS.register_module()
class WeakVisualizationHook(Hook):
    """Draws panels of training crops at an interval and of the first validation images.

    A panel is the image with its clicks, then what the teacher and the student predict
    (one prediction where no EMA runs), then the mask if the sample has one. Panels go to
    the backends of the runner's visualizer, which must be a
    :class:`~mmseg_weak.visualization.WeakSegLocalVisualizer`. Only the main process draws;
    weights, modes and random states are left as they were.

    Args:
        interval (int): Training iterations between two pictures, >= 1. Defaults to 500.
        train_images (int): Crops of the batch to draw, >= 0. Defaults to 2.
        val_images (int): Images of each validation to draw, >= 0. Defaults to 4.

    Raises:
        ValueError: An option is out of its range, or the visualizer draws no panels.
    """

    # After the EMA hook: the teacher drawn is the one that saw this iteration.
    priority = 'LOW'

    @check_ranges
    def __init__(
        self,
        interval: Annotated[int, Interval(1, says='>= 1')] = 500,
        train_images: FromZero = 2,
        val_images: FromZero = 4,
    ) -> None:
        self.interval = interval
        self.train_images = train_images
        self.val_images = val_images
        self._crops: list[tuple[Tensor, SegDataSample]] = []

    def before_run(self, runner) -> None:
        """Check the visualizer before any time is spent."""
        _check_visualizer(self, runner)

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Hold the crops to be drawn: the preprocessor takes the teacher's view away."""
        self._crops = []
        if is_main_process() and self.every_n_train_iters(runner, self.interval):
            views = data_batch.get('inputs_teacher', data_batch['inputs'])
            crops = zip(views, data_batch['data_samples'])
            self._crops = list(crops)[: self.train_images]

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None):
        """Draw the crops."""
        for i, (view, sample) in enumerate(self._crops):
            predictions = {
                name: predict_labels(model, view)
                for name, model in self._networks(runner, validating=False).items()
            }
            runner.visualizer.add_panel(
                f'train_{i}',
                _rgb(view),
                predictions,
                sample.metainfo.get('clicks'),
                sample.metainfo.get('click_labels'),
                step=runner.iter + 1,
            )
        self._crops = []

    def after_val_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        """Draw the first validation images."""
        if not is_main_process() or batch_idx >= self.val_images:
            return
        sample = outputs[0]
        panels = {}
        for i, (name, model) in enumerate(self._networks(runner, True).items()):
            # The first network is the one that the loop has just tested.
            tested = sample if i == 0 else model.test_step(data_batch)[0]
            panels[name] = _labels(tested.pred_sem_seg)
        if 'gt_sem_seg' in sample:
            panels['mask'] = _labels(sample.gt_sem_seg)
        image = mmcv.imread(sample.img_path, channel_order='rgb')
        shown = {k: v for k, v in panels.items() if v.shape == image.shape[:2]}
        runner.visualizer.add_panel(f'val_{batch_idx}', image, shown, step=runner.iter)

    def _networks(self, runner, validating: bool) -> dict[str, nn.Module]:
        """Teacher and student by name, or the only network."""
        model = unwrapped(runner.model)
        averaging = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
        if not averaging:
            return dict(prediction=model)
        average = averaging[0].ema_model.module
        # While validating, the EMA hook keeps the teacher's weights in the model and the
        # student's in the average.
        teacher, student = (model, average) if validating else (average, model)
        return dict(teacher=teacher, student=student)


@torch.no_grad()
def predict_labels(model: nn.Module, image: Tensor) -> np.ndarray:
    """Predict one image in eval mode and restore the mode.

    Args:
        model (nn.Module): An mmseg segmentor.
        image (Tensor): (3, H, W) as the pipeline packs it.

    Returns:
        np.ndarray: (H, W) uint8 class ids.
    """
    shape = tuple(image.shape[-2:])
    sample = SegDataSample(metainfo=dict(ori_shape=shape, img_shape=shape, pad_shape=shape))
    training = model.training
    model.eval()
    try:
        predicted = model.test_step(dict(inputs=[image], data_samples=[sample]))[0]
    finally:
        model.train(training)
    return _labels(predicted.pred_sem_seg)


def _labels(sem_seg) -> np.ndarray:
    return sem_seg.data.squeeze(0).cpu().numpy().astype(np.uint8)


def _rgb(image: Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).numpy()[..., ::-1].clip(0, 255).astype(np.uint8)


def _check_visualizer(hook: Hook, runner) -> None:
    if not hasattr(runner.visualizer, 'add_panel'):
        raise ValueError(
            f"{type(hook).__name__} needs visualizer=dict(type='WeakSegLocalVisualizer', "
            f'...), got {type(runner.visualizer).__name__}'
        )


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
        _check_visualizer(self, runner)
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
            step = runner.iter + 1
            runner.visualizer.add_panel(f'train_{i}', _rgb(image), shown, step=step)
        unwrapped(runner.model).watch_labels(False)
