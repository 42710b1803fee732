"""Trained networks predict: peers and fast convolutions."""
