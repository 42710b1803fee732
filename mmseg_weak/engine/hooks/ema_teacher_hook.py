"""Keeps the EMA teacher and hands it to the segmentor."""

from mmengine.hooks import EMAHook
from mmseg.registry import HOOKS

from ...models.seminar.ema import average_statistics
from ..unwrapping import unwrapped


@HOOKS.register_module()
class EMATeacherHook(EMAHook):
    """Mean teacher on mmengine's EMA machinery.

    After each iteration the teacher moves towards the student. On several processes the
    running statistics of batch norms without synchronisation are averaged first, so that
    all have one teacher. Validation and testing use
    the teacher. The checkpoint's ``state_dict`` holds the teacher under the plain model's
    keys, so any mmseg model of the same config loads it strictly; the student is kept in
    ``ema_state_dict`` for an exact resume.

    A segmentor that has a ``set_teacher`` method (see
    :class:`~mmseg_weak.models.SeminarSegmentor`) is given the teacher; in any other mmseg
    model the hook averages weights, nothing else.

    Args:
        momentum (float): Weight of the *student* in an update, mmengine's convention, in
            (0, 0.5]: 0.001 is the decay 0.999 of the mean-teacher papers.
        warm_up_steps (int): The decay grows as 1 - w / (w + step) until it reaches
            1 - momentum. Defaults to 1, the published min(1 - 1 / (step + 1), decay).
        **kwargs: Further arguments of :class:`mmengine.hooks.EMAHook`, such as
            ``interval``, ``begin_iter``, ``begin_epoch``, ``update_buffers``.

    Raises:
        ValueError: ``momentum`` or ``warm_up_steps`` lies outside its range.
    """

    def __init__(self, momentum: float = 0.001, warm_up_steps: int = 1, **kwargs) -> None:
        if not 0 < momentum <= 0.5:
            raise ValueError(
                "EMATeacherHook: momentum is the student's share in an update and must be "
                f'in (0, 0.5], got {momentum}; a decay of 0.999 is momentum=0.001'
            )
        if warm_up_steps < 1:
            raise ValueError(
                f'EMATeacherHook: warm_up_steps must be >= 1, got {warm_up_steps}'
            )
        kwargs.setdefault('ema_type', 'TeacherEMA')
        super().__init__(momentum=momentum, gamma=warm_up_steps, **kwargs)

    def before_run(self, runner) -> None:
        """Build the teacher and hand it to a segmentor that wants one."""
        super().before_run(runner)
        if hasattr(self.src_model, 'set_teacher'):
            self.src_model.set_teacher(self.ema_model.module)

    def before_train(self, runner) -> None:
        """Start from the initialised student: its weights were drawn after the copy."""
        super().before_train(runner)
        if self.ema_model.num_updates == 0:
            self.ema_model.copy_from(self.src_model)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Update the teacher; before ``begin_iter`` it equals the student."""
        self.src_model = unwrapped(runner.model)
        average_statistics(self.src_model)
        if self._ema_started(runner):
            self.ema_model.update_parameters(self.src_model)
        else:
            self.ema_model.copy_from(self.src_model)
