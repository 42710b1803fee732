"""Which losses and labels an iteration uses."""

from dataclasses import dataclass

from mmengine.logging import MessageHub


@dataclass(frozen=True)
class MutualPromotionSchedule:
    """Two switches by iteration, counted from 0 as the published code does.

    A pure function of the iteration, so a resumed run needs no state.

    Attributes:
        segmentation_start (int): Up to and including this iteration only the tags are
            learnt. Defaults to 2000.
        propagation_start (int, optional): From this iteration on the CAM labels come from
            background-aware propagation instead of PAR; None means never. Defaults to
            4000.

    Raises:
        ValueError: A switch is negative.
    """

    segmentation_start: int = 2000
    propagation_start: int | None = 4000

    def __post_init__(self) -> None:
        switches = (self.segmentation_start, self.propagation_start or 0)
        if min(switches) < 0:
            raise ValueError(f'MutualPromotionSchedule: switches must be >= 0, got {self}')

    def trains_segmentation(self, iteration: int) -> bool:
        """Whether any loss but that of the tags counts."""
        return iteration > self.segmentation_start

    def propagates_background(self, iteration: int) -> bool:
        """Whether the CAM labels use the segmentation branch's background."""
        return self.propagation_start is not None and iteration >= self.propagation_start


def current_iteration() -> int:
    """Iteration of the running training, from 0; 0 outside a runner."""
    return int(MessageHub.get_current_instance().get_info('iter', 0) or 0)
