"""Masks that follow every click: a frozen network's features and a linear head."""

from .export import export_clicks, export_masks, import_clicks
from .journal import Click
from .labels import sure_labels, write_labels
from .model import PROFILES
from .pyramid import FrozenPyramid
from .quality import ClickQuality
from .session import LiveSession
from .suggestion import RULES, Suggestion
