"""Models that make masks of points (SAM, SAM 2), and classes of their masks."""

from .click_masks import ClickGroup, class_probabilities, group_clicks
from .network import PromptableNetwork
from .peer import PromptablePeer
