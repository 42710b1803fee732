"""Prediction transfer: a class-agnostic discriminator teaches the segmenter shapes."""

import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

from ..heads.click_loss import stacked_labels
from ..losses.ramp import ramp_of_run
from ..losses.reduction import average_gradients, global_denominator
from ..transfer import CategoryMasks, category_masks, shown_classes
from .seminar import CascadeSeminarSegmentor, SeminarSegmentor

PHASES = ('pretrain', 'joint')
# Keys of the optimisers in an ``OptimWrapperDict``.
SEGMENTOR, PREDICTION = 'segmentor', 'prediction_network'


class PredictionTransferMixin:
    """Adversarial training on top of an mmseg encoder-decoder.

    The prediction transfer network is no sub-module: it stays out of ``state_dict``, so the
    checkpoint is that of the plain model. ``PredictionNetworkHook`` keeps its weights
    beside it.
    """

    needs_hooks = dict(
        prediction_network=('PredictionNetworkHook', 'phase i is lost when it ends')
    )

    def __init__(
        self,
        *args,
        prediction_network: dict | None = None,
        phase: str = 'joint',
        adversarial_weight: float = 0.1,
        ramp_ratio: float = 0.0,
        stride: int = 4,
        background: int = 0,
        **kwargs,
    ) -> None:
        if phase not in PHASES:
            raise ValueError(f'phase must be in {PHASES}, got {phase!r}')
        if not 0 <= adversarial_weight < float('inf') or not 0 <= ramp_ratio <= 1:
            raise ValueError(
                'adversarial_weight must be finite and >= 0 and ramp_ratio in [0, 1], got '
                f'{adversarial_weight} and {ramp_ratio}'
            )
        if stride < 1:
            raise ValueError(f'stride must be >= 1, got {stride}')
        unused = [name for name in ('consistency', 'pseudo_label') if kwargs.get(name)]
        if unused:
            raise ValueError(
                f'{type(self).__name__} trains no teacher and makes no pseudo-labels: '
                f'leave {", ".join(unused)} out'
            )
        super().__init__(*args, **kwargs)
        network = MODELS.build(prediction_network or dict(type='PredictionNetwork'))
        # Past nn.Module.__setattr__, which would register it as a sub-module.
        self.__dict__['prediction_network'] = network
        self.phase = phase
        self.adversarial_weight = adversarial_weight
        self.ramp_ratio = ramp_ratio
        self.stride = stride
        self.background = background
        if self.out_channels < 2:
            raise ValueError(
                f'{type(self).__name__} compares masks of classes and needs one output per '
                'class: the decode head has out_channels=1'
            )

    def init_weights(self) -> None:
        """Initialise both networks."""
        super().init_weights()
        self.prediction_network.init_weights()

    def _apply(self, fn, *args, **kwargs):
        """Move both networks."""
        self.prediction_network._apply(fn, *args, **kwargs)
        return super()._apply(fn, *args, **kwargs)

    def train(self, mode: bool = True) -> nn.Module:
        """Set the mode of both; in phase ``pretrain`` the segmenter stays in eval mode, for
        batch-norm statistics are part of what must not change."""
        super().train(mode and self.phase == 'joint')
        self.prediction_network.train(mode)
        return self

    def forward(
        self, inputs: Tensor, data_samples=None, mode: str = 'tensor', **kwargs
    ) -> object:
        """mmseg's entry point; mode ``transfer`` gives the losses and the logits."""
        if mode == 'transfer':
            return self.losses_and_logits(inputs, data_samples)
        return super().forward(inputs, data_samples, mode, **kwargs)

    def losses_and_logits(
        self, inputs: Tensor, data_samples: SampleList
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of all heads, and the logits of the decode head, shape (N, C, h, w)."""
        features = self.extract_feat(inputs)
        losses, logits = self._click_losses(features, data_samples)
        losses.update(self._auxiliary_losses(features, data_samples))
        return losses, logits

    def train_step(self, data: dict, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """One P-step and, in phase ``joint``, one S-step.

        Args:
            data (dict): Batch from the data loader.
            optim_wrapper (OptimWrapperDict): ``segmentor`` and ``prediction_network``.

        Returns:
            dict[str, Tensor]: What is logged.
        """
        return self.alternate(data, optim_wrapper, self)

    def alternate(
        self, data: dict, optim_wrapper: OptimWrapperDict, network: nn.Module
    ) -> dict[str, Tensor]:
        """As ``train_step``; ``network`` is this segmentor or a wrapper around it, whose
        forward pass the S-step's gradients go through. One forward serves both steps."""
        for name in (SEGMENTOR, PREDICTION):
            if not isinstance(optim_wrapper, OptimWrapperDict) or name not in optim_wrapper:
                raise ValueError(
                    f'{type(self).__name__} needs two optimisers: optim_wrapper='
                    "dict(constructor='PredictionTransferOptimWrapperConstructor', "
                    f'{SEGMENTOR}=dict(...), {PREDICTION}=dict(...))'
                )
        segmentor, prediction = optim_wrapper[SEGMENTOR], optim_wrapper[PREDICTION]
        data = self.data_preprocessor(data, True)
        inputs, samples = data['inputs'], data['data_samples']
        if self.phase == 'pretrain':
            with prediction.optim_context(self.prediction_network):
                masks = self._masks(inputs, samples, self.dense_logits(inputs))
            return self._prediction_step(masks, prediction)
        with segmentor.optim_context(network):
            losses, logits = network(inputs, samples, mode='transfer')
        masks = self._masks(inputs, samples, logits)
        logged = self._prediction_step(masks, prediction)
        with segmentor.optim_context(network):
            losses['loss_adversarial'] = self._adversarial_loss(masks)
        loss, log_vars = self.parse_losses(losses)
        segmentor.update_params(loss)
        return {**log_vars, **logged}

    def _masks(self, inputs: Tensor, samples: SampleList, logits: Tensor) -> CategoryMasks:
        labels = stacked_labels(samples)
        pairs = shown_classes(samples, labels, self.background)
        return category_masks(
            inputs, labels, logits, pairs, self.stride, align_corners=self.align_corners
        )

    def _prediction_step(
        self, masks: CategoryMasks, optimizer: OptimWrapper
    ) -> dict[str, Tensor]:
        """BCE(1, P(real)) + BCE(0, P(fake)), mean over the pairs of all ranks."""
        count = len(masks.images)
        network = self.prediction_network
        with optimizer.optim_context(network):
            both = torch.cat([masks.real, masks.fake.detach()])
            logits = network(masks.images.repeat(2, 1, 1, 1) * both).float()
        real, fake = logits[:count], logits[count:]
        loss = _bce(real, 1).sum() + _bce(fake, 0).sum()
        loss = loss / _global_count(loss, count)
        optimizer.backward(optimizer.scale_loss(loss))
        if optimizer.should_update():
            average_gradients(network.parameters())
            optimizer.step()
            optimizer.zero_grad()
        logged = dict(prediction_loss=loss.detach())
        if count:  # a batch without masks has no accuracy
            logged['prediction_acc_real'] = 100 * (real > 0).float().mean()
            logged['prediction_acc_fake'] = 100 * (fake <= 0).float().mean()
        return logged

    def _adversarial_loss(self, masks: CategoryMasks) -> Tensor:
        """Weighted BCE(1, P(fake)); no gradient for the prediction transfer network."""
        logits = self.prediction_network.judge(masks.images * masks.fake).float()
        loss = _bce(logits, 1).sum() / _global_count(logits, len(masks.images))
        return self._weight() * loss

    def _weight(self) -> float:
        return self.adversarial_weight * ramp_of_run(self.ramp_ratio)


def _bce(logits: Tensor, target: int) -> Tensor:
    return F.softplus(-logits if target else logits)


def _global_count(like: Tensor, count: int) -> Tensor:
    return global_denominator(torch.full((), float(count), device=like.device))


@MODELS.register_module()
class PredictionTransferSegmentor(PredictionTransferMixin, SeminarSegmentor):
    """Any mmseg encoder-decoder with P-Net of `Transferable Semi-supervised Semantic
    Segmentation <https://arxiv.org/abs/1711.06828>`_.

    P-Net sees an image times the mask of one category and tells masks from predictions.
    What makes a mask fit an object is the same for all categories, so what it learns where
    masks are true carries over to classes that have none. Testing is that of
    :class:`mmseg.models.EncoderDecoder`, and so are the checkpoint's keys.

    Args:
        *args: As for :class:`mmseg.models.EncoderDecoder`.
        prediction_network (dict): Config of P-Net, usually
            :class:`~mmseg_weak.models.transfer.PredictionNetwork`.
        phase (str): ``pretrain`` trains P-Net alone on predictions of the segmenter as it
            is (phase i, with strong images), ``joint`` alternates (phase ii). Defaults to
            ``joint``.
        adversarial_weight (float): Weight of the adversarial loss, >= 0. Defaults to 0.1.
        ramp_ratio (float): Share of the run until it is reached, in [0, 1]. Defaults to 0.
        stride (int): P-Net sees images and masks smaller by this, >= 1; 1 is the published
            reading. Masks are 8 times coarser anyway. Defaults to 4.
        background (int): Index of the background class. Defaults to 0.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`.

    Raises:
        ValueError: An option is out of its range.
    """


@MODELS.register_module()
class CascadePredictionTransferSegmentor(PredictionTransferMixin, CascadeSeminarSegmentor):
    """:class:`PredictionTransferSegmentor` for cascades; P-Net sees the last dense stage.

    Args:
        *args: As for :class:`mmseg.models.CascadeEncoderDecoder`.
        prediction_network, phase, adversarial_weight, ramp_ratio, stride, background: As
            for :class:`PredictionTransferSegmentor`.
        **kwargs: As for :class:`mmseg.models.CascadeEncoderDecoder`.
    """
