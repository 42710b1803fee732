"""What every loss of a head has: a factor and a name."""

from torch import nn


class WeightedLoss(nn.Module):
    """A loss that mmseg's heads sum under its name.

    Args:
        loss_weight (float): Factor of the loss, >= 0.
        loss_name (str): Key in the loss dict; the runner back-propagates keys with
            ``loss`` in them.

    Raises:
        ValueError: ``loss_weight`` is negative or not finite.
    """

    def __init__(self, loss_weight: float, loss_name: str) -> None:
        super().__init__()
        if not 0 <= loss_weight < float('inf'):
            raise ValueError(
                f'{type(self).__name__}: loss_weight must be finite and >= 0, got '
                f'{loss_weight}'
            )
        self.loss_weight = loss_weight
        self.loss_name = loss_name
