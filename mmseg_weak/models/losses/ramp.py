"""Factors that grow with the run."""

import math

from mmengine.logging import MessageHub


def ramp_up(step: int, length: float) -> float:
    r"""Ramp :math:`\exp(-5 (1 - \min(1, t / T_r))^2)` from 0.0067 to 1.

    Args:
        step (int): Iterations done so far, t.
        length (float): Iterations until the ramp ends, T_r; 0 means no ramp.

    Returns:
        float: Factor in (0, 1].
    """
    progress = min(1.0, step / length) if length > 0 else 1.0
    return math.exp(-5 * (1 - progress) ** 2)


def ramp_of_run(ratio: float) -> float:
    """Present factor of a ramp over a share of the run, 1 outside a runner.

    Args:
        ratio (float): Share of the run's iterations until the ramp ends, in [0, 1].
    """
    hub = MessageHub.get_current_instance()
    total = hub.get_info('max_iters', 0)
    return ramp_up(hub.get_info('iter', 0), ratio * (total or 0))
