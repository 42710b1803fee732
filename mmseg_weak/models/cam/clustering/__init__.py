from .kmeans import KMeansResult, kmeans, nearest_members

__all__ = ['KMeansResult', 'kmeans', 'nearest_members']
