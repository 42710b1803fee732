"""What every loss of a head has: a factor and a name."""

from typing import ClassVar

from torch import nn

from ..._ranges import NonNegative, check_ranges


class WeightedLoss(nn.Module):
    """A loss that mmseg's heads sum under its name.

    Args:
        loss_weight (float): Factor of the loss, >= 0. Defaults to 1.0.
        loss_name (str, optional): Key in the loss dict; keep ``loss`` in it so that it is
            back-propagated. Defaults to ``default_name`` of the class.

    Raises:
        ValueError: ``loss_weight`` is negative or not finite.
    """

    default_name: ClassVar[str]

    @check_ranges
    def __init__(
        self, loss_weight: NonNegative = 1.0, loss_name: str | None = None
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.loss_name = loss_name or self.default_name
