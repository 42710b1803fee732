"""Parts of prediction transfer."""
