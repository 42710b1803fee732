"""What every loss of a head has: a factor and a name."""

from torch import nn

from ..._ranges import NonNegative, check_ranges


class WeightedLoss(nn.Module):
    """A loss that mmseg's heads sum under its name.

    Args:
        loss_weight (float): Factor of the loss, >= 0.
        loss_name (str): Key in the loss dict; the runner back-propagates keys with
            ``loss`` in them.

    Raises:
        ValueError: ``loss_weight`` is negative or not finite.
    """

    @check_ranges
    def __init__(self, loss_weight: NonNegative, loss_name: str) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.loss_name = loss_name
