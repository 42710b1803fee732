"""What enters a network: normalisation, views, image values."""
