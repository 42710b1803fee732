"""mmseg's visualizer with clicks and with teacher and student side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.dist import master_only
from mmengine.structures import PixelData
from mmseg.registry import VISUALIZERS
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer

from .panels import draw_clicks, enlarge, join_row, legend, overlay, visible_palette

BACKGROUND = 'background'


@VISUALIZERS.register_module()
class WeakSegLocalVisualizer(SegLocalVisualizer):
    """``SegLocalVisualizer`` for weak labels.

    Label maps are outlined tints; a background class is darkened. Clicks in the meta
    information of a sample (``clicks`` and ``click_labels``, as ``PackWeakSegInputs``
    leaves them) are drawn. :meth:`add_panel` shows an image beside several label maps.

    Args:
        name (str): Name of the instance. Defaults to 'visualizer'.
        alpha (float): Share of the class colour in a tint. Defaults to 0.5.
        click_radius (float): Radius of a click in pixels of the picture. Defaults to 4.
        min_height (int): Smaller images are enlarged by a whole factor until panels are
            at least so high, in pixels. Defaults to 150.
        classes, palette, dataset_name, **kwargs: As for ``SegLocalVisualizer``. The
            data set of a runner replaces classes and palette.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        *,
        alpha: float = 0.5,
        click_radius: float = 4.0,
        min_height: int = 150,
        classes: list | None = None,
        palette: list | None = None,
        dataset_name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name, alpha=alpha, **kwargs)
        # mmseg's constructor hands classes and palette on in the wrong order.
        self.set_dataset_meta(classes, palette, dataset_name)
        self.click_radius = click_radius
        self.min_height = min_height

    @staticmethod
    def as_stock(settings: dict) -> dict:
        """Config of mmseg's visualizer."""
        own = ('click_radius', 'min_height')
        kept = {k: v for k, v in settings.items() if k not in own}
        return dict(kept, type='SegLocalVisualizer')

    @property
    def background(self) -> int | None:
        """Id of the background class, None when there is none."""
        classes = list(self.dataset_meta['classes'])
        return classes.index(BACKGROUND) if BACKGROUND in classes else None

    @property
    def palette(self) -> np.ndarray:
        """(n, 3) uint8 colours of the classes, brightened where they are too dark."""
        return visible_palette(self.dataset_meta['palette'], self.background)

    def panel(
        self,
        image: np.ndarray,
        label_maps: Mapping[str, np.ndarray],
        clicks: np.ndarray | None = None,
        click_labels: np.ndarray | None = None,
        with_legend: bool = True,
        tags: Sequence[int] | None = None,
    ) -> np.ndarray:
        """Draw a row: the image with its clicks, then each label map over the image.

        Args:
            image (np.ndarray): (H, W, 3) uint8 RGB.
            label_maps (Mapping[str, np.ndarray]): Title to (H, W) class ids, or to a
                picture (H, W, 3) that is shown as it is.
            clicks (np.ndarray, optional): (n, 2) column and row.
            click_labels (np.ndarray, optional): (n,) class ids.
            with_legend (bool): Add a line with the classes. Defaults to True.
            tags (Sequence[int], optional): Classes of the image, named above it where there
                are no clicks.

        Returns:
            np.ndarray: (H', W', 3) uint8 RGB.
        """
        factor = -(-self.min_height // image.shape[0])
        palette, large = self.palette, enlarge(image, factor)
        title, first = 'image', large
        if clicks is not None and len(clicks):
            title = f'image, {len(clicks)} clicks' if len(clicks) > 1 else 'image, 1 click'
            xy = np.asarray(clicks) * factor
            first = draw_clicks(large, xy, click_labels, palette, self.click_radius)
        elif tags is not None:
            names = [self.dataset_meta['classes'][i] for i in tags]
            title = f'image: {", ".join(names) or "no tag"}'
        tiles = {title: first}
        for name, labels in label_maps.items():
            tile = enlarge(labels, factor)
            if labels.ndim == 2:
                tile = overlay(large, tile, palette, self.alpha, self.background)
            tiles[name] = tile
        row = join_row(tiles)
        if with_legend:
            classes = self.dataset_meta['classes']
            row = np.concatenate([row, legend(classes, palette, row.shape[1])])
        return row

    @master_only
    def add_panel(
        self,
        name: str,
        image: np.ndarray,
        label_maps: Mapping[str, np.ndarray],
        clicks: np.ndarray | None = None,
        click_labels: np.ndarray | None = None,
        step: int = 0,
    ) -> None:
        """Draw a :meth:`panel` and hand it to the backends under ``name``."""
        panel = self.panel(image, label_maps, clicks, click_labels)
        self.add_image(name, panel, step)

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: SegDataSample | None = None,
        *args,
        **kwargs,
    ) -> None:
        """As in mmseg, with the sample's clicks drawn on the image."""
        meta = {} if data_sample is None else data_sample.metainfo
        if len(meta.get('clicks', ())):
            clicks, labels = meta['clicks'], meta['click_labels']
            image = draw_clicks(image, clicks, labels, self.palette, self.click_radius)
        super().add_datasample(name, image, data_sample, *args, **kwargs)

    def _draw_sem_seg(
        self,
        image: np.ndarray,
        sem_seg: PixelData,
        classes: list | None,
        palette: list | None,
        with_labels: bool | None = True,
    ) -> np.ndarray:
        """Tints instead of mmseg's opaque colours, names in a strip at the bottom."""
        labels = sem_seg.cpu().data.numpy().squeeze(0)
        palette = visible_palette(palette, self.background)
        drawn = overlay(image, labels, palette, self.alpha, self.background)
        present = [i for i in np.unique(labels) if i < len(classes)]
        if with_labels and present:
            names, colours = ([values[i] for i in present] for values in (classes, palette))
            # Over the picture: mmseg puts pictures of one size side by side.
            strip = legend(names, colours, drawn.shape[1])[: len(drawn)]
            drawn[len(drawn) - len(strip) :] = strip
        self.set_image(drawn)
        return drawn
