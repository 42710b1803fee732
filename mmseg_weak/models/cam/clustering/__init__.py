from .kmeans import KMeansResult, kmeans, nearest_members
