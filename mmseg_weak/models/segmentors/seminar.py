"""Seminar learning: clicks, a teacher, and students that teach each other."""

from collections.abc import Mapping, Sequence

import torch
from mmseg.models import CascadeEncoderDecoder, EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList, add_prefix
from torch import Tensor, nn

from ..declaration import WeakSegmentor
from ..heads.click_loss import has_own_loss, loss_by_clicks, main_logits, stacked_labels
from ..inputs.image_values import to_unit_rgb, valid_sizes
from ..seminar.consistency import image_class_mask
from ..seminar.shared_prefix import SharedPrefix


class SeminarMixin(WeakSegmentor):
    """Loss of seminar learning on top of an mmseg encoder-decoder.

    The teacher is no sub-module: it stays out of ``state_dict``, so the checkpoint is that
    of the plain model.
    """

    stock_type = 'EncoderDecoder'
    needs_hooks = dict(consistency=('EMATeacherHook', 'there is no teacher'))

    @classmethod
    def files(cls, model: Mapping) -> dict[str, str]:
        """Config and checkpoint of every peer."""
        peers = (model.get('pseudo_label') or {}).get('peers') or ()
        return {
            f'pseudo_label.peers[{i}].{kind}': path
            for i, peer in enumerate(peers)
            for kind, path in peer.items()
        }

    def __init__(
        self,
        *args,
        consistency: dict | None = None,
        pseudo_label: dict | None = None,
        regularisation: dict | Sequence[dict] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.consistency = MODELS.build(consistency) if consistency else None
        self.pseudo_label = MODELS.build(pseudo_label) if pseudo_label else None
        terms = [regularisation] if isinstance(regularisation, Mapping) else regularisation
        self.regularisation = nn.ModuleList(MODELS.build(term) for term in terms or ())
        self.set_teacher(None)

    def set_teacher(self, teacher: nn.Module | None) -> None:
        """Attach the EMA copy of this segmentor; called by ``EMATeacherHook``."""
        if self.__dict__.get('shared_prefix') is not None:
            self.shared_prefix.remove()
        # Past nn.Module.__setattr__, which would register it as a sub-module.
        self.__dict__.update(teacher=teacher, shared_prefix=None)

    def forward(
        self,
        inputs: Tensor,
        data_samples: OptSampleList = None,
        mode: str = 'tensor',
        teacher_inputs: Tensor | None = None,
    ):
        """mmseg's entry point; in mode ``loss`` the teacher may see its own view.

        Args:
            inputs (Tensor): Images, shape (N, 3, H, W); the student's view in training.
            data_samples (list[SegDataSample], optional): Labels and metainfo.
            mode (str): ``tensor``, ``predict`` or ``loss``. Defaults to ``tensor``.
            teacher_inputs (Tensor, optional): The teacher's view of the same crops, shape
                (N, 3, H, W). Defaults to None, the student's view.

        Returns:
            As in mmseg: a tensor, predictions, or a dict of losses.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples, teacher_inputs)
        return super().forward(inputs, data_samples, mode)

    def loss(
        self,
        inputs: Tensor,
        data_samples: SampleList,
        teacher_inputs: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Clicks, consistency with the teacher, labels of the peers, regularisation.

        Args:
            inputs (Tensor): The student's view, shape (N, 3, H, W).
            data_samples (list[SegDataSample]): Click labels and metainfo.
            teacher_inputs (Tensor, optional): The teacher's view. Defaults to ``inputs``.

        Returns:
            dict[str, Tensor]: Loss components.

        Raises:
            ValueError: A consistency term is configured and no teacher is attached.
        """
        if self.consistency is not None and teacher_inputs is None:
            self._share_frozen_layers()
        features = self.extract_feat(inputs)
        losses, logits = self._click_losses(features, data_samples)
        losses.update(self._auxiliary_losses(features, data_samples))
        view = inputs if teacher_inputs is None else teacher_inputs
        if self.consistency is not None:
            losses.update(self._consistency_losses(logits, view, data_samples))
        if self.pseudo_label is not None:
            # Peers see the weak view, as the teacher does.
            rest = (data_samples, self.data_preprocessor, self.align_corners)
            losses.update(self.pseudo_label(logits, view, *rest))
        losses.update(self._regularisation_losses(logits, view, data_samples))
        return losses

    def _share_frozen_layers(self) -> None:
        """Before the first step: by now weights are loaded and layers frozen."""
        if self.shared_prefix is None and self.teacher is not None and self.training:
            self.__dict__['shared_prefix'] = SharedPrefix(
                self.backbone, self.teacher.backbone
            )

    def _click_losses(
        self, features: list[Tensor], data_samples: SampleList
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of the decode head (every stage of a cascade) and its dense logits."""
        losses, logits, previous = {}, None, ()
        for prefix, head in self._stages():
            if has_own_loss(head):
                loss = head.loss(features, *previous, data_samples, self.train_cfg)
            else:
                output = head.forward(features, *previous)
                loss = loss_by_clicks(head, output, data_samples)
                logits = main_logits(head, output)
                previous = (output,)
            losses.update(add_prefix(loss, prefix))
        return losses, logits

    def _auxiliary_losses(
        self, features: list[Tensor], data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of the auxiliary heads."""
        if not self.with_auxiliary_head:
            return {}
        heads = self.auxiliary_head
        several = isinstance(heads, nn.ModuleList)
        losses = {}
        for i, head in enumerate(heads if several else [heads]):
            loss = loss_by_clicks(head, head.forward(features), data_samples)
            losses.update(add_prefix(loss, f'aux_{i}' if several else 'aux'))
        return losses

    def _consistency_losses(
        self, logits: Tensor, teacher_inputs: Tensor, data_samples: SampleList
    ) -> dict[str, Tensor]:
        """The teacher-student term."""
        if self.teacher is None:
            raise ValueError(
                f'{type(self).__name__} has a consistency term but no teacher: add '
                "dict(type='EMATeacherHook') to custom_hooks"
            )
        try:
            teacher_logits = self.teacher.dense_logits(teacher_inputs)
        finally:
            if self.shared_prefix is not None:
                self.shared_prefix.clear()
        return self.consistency(
            logits,
            teacher_logits,
            teacher_inputs,
            stacked_labels(data_samples),
            data_samples,
            self.align_corners,
            self.data_preprocessor,
        )

    def _regularisation_losses(
        self, logits: Tensor, inputs: Tensor, data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Terms of logits and colours; of the weak view, whose colours are the image's."""
        if not self.regularisation:
            return {}
        images = to_unit_rgb(inputs, self.data_preprocessor)
        sizes = valid_sizes(data_samples, images.shape[2:])
        clicks = stacked_labels(data_samples)
        losses = {}
        for term in self.regularisation:
            classes = None
            if term.asks_classes:
                count = logits.shape[1]
                classes = image_class_mask(data_samples, count, term.background)
            value = term(logits, images, sizes, clicks, classes)
            losses[term.loss_name] = losses.get(term.loss_name, 0) + value
        return losses

    @torch.no_grad()
    def dense_logits(self, inputs: Tensor) -> Tensor:
        """Logits of the decode head (a cascade's last dense stage), no gradient.

        Args:
            inputs (Tensor): Normalised images, shape (N, 3, H, W).

        Returns:
            Tensor: Shape (N, C, h, w).
        """
        features = self.extract_feat(inputs)
        logits, previous = None, ()
        for _, head in self._stages():
            if not has_own_loss(head):
                output = head.forward(features, *previous)
                logits, previous = main_logits(head, output), (output,)
        return logits


@MODELS.register_module()
class SeminarSegmentor(SeminarMixin, EncoderDecoder):
    """`Seminar learning <https://arxiv.org/abs/2108.13393>`_ from clicks, any mmseg model.

    Losses: each head's own ``loss_decode`` (usually
    :class:`~mmseg_weak.models.losses.PartialCrossEntropyLoss`), plus the consistency with
    the EMA teacher that :class:`~mmseg_weak.engine.hooks.EMATeacherHook` attaches, plus the
    cross-entropy to the labels of frozen peers. Testing is that of
    :class:`mmseg.models.EncoderDecoder`, and so are the checkpoint's keys.

    Args:
        *args: As for :class:`mmseg.models.EncoderDecoder`.
        consistency (dict, optional): Config of
            :class:`~mmseg_weak.models.seminar.consistency.TeacherConsistency`. Defaults to
            None, no teacher.
        pseudo_label (dict, optional): Config of
            :class:`~mmseg_weak.models.heads.HeterogeneousPseudoLabelHead`. Defaults to
            None, no peers.
        regularisation (dict | Sequence[dict], optional): Losses of logits and image, see
            :class:`~mmseg_weak.models.losses.ImageLoss`. Defaults to None.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`.

    Raises:
        ValueError: The decode head predicts sets of masks, which have no per-pixel logits.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if has_own_loss(self.decode_head):
            raise ValueError(
                f'SeminarSegmentor needs a decode head with per-pixel logits, and '
                f'{type(self.decode_head).__name__} has its own loss'
            )

    def _stages(self) -> list[tuple[str, nn.Module]]:
        return [('decode', self.decode_head)]


@MODELS.register_module()
class CascadeSeminarSegmentor(SeminarMixin, CascadeEncoderDecoder):
    """:class:`SeminarSegmentor` for cascades such as OCRNet and PointRend.

    Every stage learns from the clicks, the last dense stage from the teacher as well.

    Args:
        *args: As for :class:`mmseg.models.CascadeEncoderDecoder`.
        consistency, pseudo_label, regularisation: As for :class:`SeminarSegmentor`.
        **kwargs: As for :class:`mmseg.models.CascadeEncoderDecoder`.
    """

    stock_type = 'CascadeEncoderDecoder'

    def _stages(self) -> list[tuple[str, nn.Module]]:
        return [(f'decode_{i}', head) for i, head in enumerate(self.decode_head)]
