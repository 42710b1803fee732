"""Loss of images of which is known what they do not show."""

from mmseg.registry import MODELS
from torch import Tensor

from ...refinement.class_restriction import restrict_logits
from .image_loss import ImageCells, ImageLoss


@MODELS.register_module()
class AbsentClassLoss(ImageLoss):
    r"""Likelihood that an object is of one of the classes of its image.

    .. math::
        L = -\frac{1}{|\Omega|} \sum_{i \in \Omega} \bar p_F(i)
            \log \frac{\sum_{c \in F \cap I} p_c(i)}{p_F(i)},
            \quad p_F = \sum_{c \in F} p_c

    over the valid cells :math:`\Omega` of all ranks, with the classes :math:`F` other than
    background and the classes :math:`I` that the image may show, those clicked in it.
    Clicks are image tags as well: `What's the Point <https://arxiv.org/abs/1506.02106>`_
    (Bearman et al., ECCV 2016, Eq. 2) keeps absent classes down at the pixel where they
    are largest. Here they go down wherever the network sees an object (:math:`\bar p_F` is
    :math:`p_F` without its gradient), and to the benefit of the other objects: what
    decides between object and background stays with the clicks. Where background may have
    what absent classes lose, it spreads over everything.

    For images whose classes are all clicked: a class that was forgotten, or whose clicks
    were left out, is taught to be absent. With background and one class it is always 0.

    Args:
        background (int, optional): The background class, None if there is none, so that
            every class is an object. Defaults to 0.
        **kwargs: Of :class:`ImageLoss`.

    Raises:
        ValueError: In training, the logits are of no class but background.
    """

    default_name = 'loss_absent'
    asks_classes = True

    def __init__(self, background: int | None = 0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.background = background

    def energy(self, logits: Tensor, cells: ImageCells) -> tuple[Tensor, Tensor]:
        """See :meth:`ImageLoss.energy`; counts the valid cells."""
        count = cells.valid.sum().to(logits)
        if cells.classes is None:
            return 0 * logits.sum(), count
        objects = [c for c in range(logits.shape[1]) if c != self.background]
        if not objects:
            raise ValueError('AbsentClassLoss needs a logit of each class, got one in all')
        classes = cells.classes[:, objects]
        classes = classes | ~classes.any(dim=1, keepdim=True)  # nothing known
        scores = logits[:, objects]
        present = restrict_logits(scores, classes, background=None).logsumexp(dim=1)
        loss = logits.detach().softmax(dim=1)[:, objects].sum(dim=1)
        loss = loss * (scores.logsumexp(dim=1) - present)
        return (loss * cells.valid).sum(), count
