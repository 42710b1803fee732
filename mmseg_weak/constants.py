"""Numbers that mean the same everywhere."""

# A pixel without a label, in label maps, masks and losses; mmseg's own value.
IGNORE_INDEX = 255
