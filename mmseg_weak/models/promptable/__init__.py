"""Models that make masks of points and boxes (SAM and its kin), and their classes."""

from .click_masks import ClickGroup, boxes_of, class_probabilities, group_clicks
from .network import PromptableNetwork
from .peer import PromptablePeer
