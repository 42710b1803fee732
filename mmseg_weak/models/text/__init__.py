"""Networks that compare images with words."""

from .clip_network import ClipNetwork
