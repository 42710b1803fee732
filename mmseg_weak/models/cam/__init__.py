"""Parts of classifiers from image tags: activation maps, tags, clustering."""
