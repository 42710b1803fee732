"""Parts of AffinityNet."""
