"""Pictures of weak labels, predictions and masks."""

from .panels import draw_clicks, join_row, legend, overlay
from .weak_visualizer import WeakSegLocalVisualizer
