"""Faster 1x1 convolutions for trainings on a CPU."""

from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ...models.inference.fast_convolutions import send_pointwise_to_onednn


@HOOKS.register_module()
class OneDNNPointwiseHook(Hook):
    """Let oneDNN compute a model's 1x1 convolutions where a training has one CPU thread.

    For images channels last (``channels_last`` of
    :class:`~mmseg_weak.models.WeakSegDataPreProcessor`); results change by rounding. On a
    GPU it does nothing. See
    :func:`~mmseg_weak.models.inference.fast_convolutions.send_pointwise_to_onednn`.
    """

    def before_run(self, runner) -> None:
        """Change the model, which is on its device by now."""
        send_pointwise_to_onednn(runner.model)
