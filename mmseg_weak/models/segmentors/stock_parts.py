"""Parts of mmseg that methods of image tags cannot work with, refused when built."""

from collections.abc import Mapping

from torch import nn

# Position tables of one size, and maps are made at several.
OF_ONE_SIZE = {'BEiT', 'MAE'}
# Several outputs in training, one in inference: that at these positions.
ONE_IN_INFERENCE = {'DDRNet': (1, -1), 'PIDNet': (1, -2)}


def refuse_cascade(owner: str, options: Mapping) -> None:
    """Refuse the options of a cascade, of which ``owner`` has no use.

    Args:
        owner (str): Name of the segmentor, for messages.
        options (Mapping): Keyword arguments of the segmentor.

    Raises:
        ValueError: There are several decode heads.
    """
    several = isinstance(options.get('decode_head'), (list, tuple))
    if several or 'num_stages' in options:
        raise ValueError(
            f'{owner} has one decode head: of a cascade (OCRNet, PointRend) take the '
            'first, and leave out num_stages'
        )


def refuse_backbone(owner: str, backbone: nn.Module, maps_only: bool = False) -> None:
    """Refuse a backbone whose maps cannot be used.

    Args:
        owner (str): Name of the segmentor, for messages.
        backbone (nn.Module): Of mmseg.
        maps_only (bool): All outputs are used, and each must be one map in training and
            inference. Defaults to False.

    Raises:
        ValueError: It takes images of one size only, or hands on something else.
    """
    names, kind = _names(backbone), type(backbone).__name__
    if names & OF_ONE_SIZE:
        raise ValueError(
            f'{owner}: {kind} takes images of one size only (its position table), and '
            'activation maps are made of whole images at several scales; take another '
            'backbone, such as VisionTransformer'
        )
    if maps_only and names & ONE_IN_INFERENCE.keys():
        raise ValueError(
            f'{owner}: {kind} gives other outputs in training than in inference; take '
            'another backbone, or CAMSegmentor'
        )
    if maps_only and getattr(backbone, 'output_cls_token', False):
        raise ValueError(
            f'{owner}: {kind} hands on class tokens beside its maps '
            '(output_cls_token=True, as DPT wants it); set it to False and take another '
            'decode head'
        )


def require_output(owner: str, backbone: nn.Module, in_index: int) -> None:
    """Check that a head sees the same map in training as in inference.

    Args:
        owner (str): Name of the segmentor, for messages.
        backbone (nn.Module): Of mmseg.
        in_index (int): Which output the head takes.

    Raises:
        ValueError: It is another.
    """
    for name in _names(backbone) & ONE_IN_INFERENCE.keys():
        right = ONE_IN_INFERENCE[name]
        if in_index not in right:
            raise ValueError(
                f'{owner}: {name} gives one output in inference, that at {right[0]} of '
                f'those in training: set in_index={right[0]} (it is {in_index})'
            )


def _names(module: nn.Module) -> set[str]:
    return {parent.__name__ for parent in type(module).__mro__}
