"""From photographs and weak labels to a config that trains on them."""

from .starting import init
from .survey import Survey, survey
