"""Slow forms written straight from the definitions, shared with the benchmark."""

import math

import numpy as np
import torch
import torch.nn.functional as F


def neighbors(maps, dilations):
    """Replicate-padded 3x3 neighbours at every dilation, (N, C, 8 * D, H, W)."""
    height, width = maps.shape[-2:]
    seen = []
    for d in dilations:
        padded = F.pad(maps, (d, d, d, d), mode='replicate')
        for dy in (0, d, 2 * d):
            for dx in (0, d, 2 * d):
                if (dy, dx) != (d, d):
                    seen.append(padded[..., dy : dy + height, dx : dx + width])
    return torch.stack(seen, dim=2)


def plain_pixel_adaptive(images, masks, dilations=(1, 2, 4, 8, 12, 24), num_iters=10):
    """Pixel-adaptive refinement that materialises the neighbours."""
    masks = F.interpolate(
        masks, size=images.shape[-2:], mode='bilinear', align_corners=True
    )
    seen = neighbors(images, dilations)
    std = seen.std(dim=2, keepdim=True)
    color = -((((seen - images[:, :, None]).abs() / (std + 1e-8)) / 0.3) ** 2)
    color = color.mean(dim=1, keepdim=True).softmax(dim=2)
    root = math.sqrt(2)
    distance = torch.tensor([root, 1, root, 1, 1, root, 1, root], dtype=images.dtype)
    distance = torch.cat([distance * d for d in dilations])
    position = (-((distance / (distance.std() + 1e-8) / 0.3) ** 2)).softmax(dim=0)
    affinity = color + 0.01 * position.to(images.device).view(1, 1, -1, 1, 1)
    for _ in range(num_iters):
        masks = (neighbors(masks, dilations) * affinity).sum(dim=2)
    return masks


def plain_transition(boundary, radius=5, beta=10.0):
    """Dense transition matrix (hw, hw) of the random walk; columns sum to 1."""
    height, width = boundary.shape
    padded = F.pad(boundary, (radius,) * 4, value=1.0)
    device = boundary.device
    index = torch.arange(height * width, device=device).view(height, width)
    matrix = torch.eye(height * width, dtype=boundary.dtype, device=device)
    for dy in range(radius):
        for dx in range(1 - radius, radius):
            if dx * dx + dy * dy >= radius * radius or (dy == 0 and dx <= 0):
                continue
            highest = torch.zeros_like(boundary)
            for y in range(0, dy + 1):
                for x in range(min(0, dx), max(0, dx) + 1):
                    if (dy * x - dx * y) ** 2 / (dy * dy + dx * dx) < 1:
                        top, left = radius + y, radius + x
                        path = padded[top : top + height, left : left + width]
                        highest = torch.maximum(highest, path)
            rows = slice(0, max(0, height - dy))
            columns = slice(max(0, -dx), max(0, width - max(0, dx)))
            there = slice(max(0, dx), max(0, width + min(0, dx)))
            first, second = index[rows, columns], index[dy:, there]
            value = ((1 - highest) ** beta)[rows, columns]
            matrix[first, second] = value
            matrix[second, first] = value
    return matrix / matrix.sum(dim=0, keepdim=True)


def plain_random_walk(scores, boundary, radius=5, beta=10.0, num_squarings=8):
    """Random walk by dense squarings."""
    matrix = plain_transition(boundary[0], radius, beta)
    for _ in range(num_squarings):
        matrix = matrix @ matrix
    return ((scores * (1 - boundary)).flatten(1) @ matrix).view_as(scores)


def plain_dense_crf(image, probs, gaussian, bilateral, num_iters=10, eps=1e-10):
    """Mean field with exact Gaussian kernels, (P, P) dense.

    ``gaussian`` is (sxy, compat), ``bilateral`` (sxy, srgb, compat).
    """
    labels, height, width = probs.shape
    y, x = np.mgrid[:height, :width]
    position = np.stack([x, y], -1).reshape(-1, 2).astype(np.float64)
    color = image.reshape(-1, 3).astype(np.float64)
    features = (
        (position / gaussian[0], gaussian[1]),
        (np.hstack([position / bilateral[0], color / bilateral[1]]), bilateral[2]),
    )
    kernels = []
    for feature, compat in features:
        squared = ((feature[:, None] - feature[None]) ** 2).sum(-1)
        kernel = np.exp(-squared / 2)
        norm = 1 / np.sqrt(kernel.sum(1) + 1e-20)
        kernels.append(compat * norm[:, None] * kernel * norm)
    unary = -np.log(np.clip(probs.reshape(labels, -1).T.astype(np.float64), eps, None))

    def softmax(logits):
        q = np.exp(logits - logits.max(1, keepdims=True))
        return q / q.sum(1, keepdims=True)

    q = softmax(-unary)
    for _ in range(num_iters):
        q = softmax(-unary + sum(kernel @ q for kernel in kernels))
    return q.T.reshape(probs.shape)


def plain_lattice_filter(features, values):
    """Permutohedral filter with a dictionary of vertices, up to a constant factor."""
    d = features.shape[1]
    # Columns span the hyperplane of zero sum; Adams et al., Equation 2.
    basis = np.zeros((d + 1, d))
    for j in range(d):
        basis[:, j] = [1.0] * (j + 1) + [-(j + 1.0)] + [0.0] * (d - j - 1)
        basis[:, j] /= math.sqrt((j + 1) * (j + 2))
    lifted = math.sqrt(2 / 3) * (d + 1) * features.astype(np.float64) @ basis.T

    splat, simplices = {}, []
    for point, value in zip(lifted, values):
        vertices = _enclosing_simplex(point, d)
        simplices.append(vertices)
        for key, weight in vertices:
            splat[key] = splat.get(key, 0) + weight * value
    for axis in range(d + 1):
        step = np.ones(d + 1, int)
        step[axis] = -d
        splat = {
            key: value
            + 0.5 * splat.get(tuple(key + step), 0)
            + 0.5 * splat.get(tuple(key - step), 0)
            for key, value in splat.items()
        }
    return np.array([sum(w * splat[key] for key, w in s) for s in simplices])


def _enclosing_simplex(point, d):
    """Vertices and barycentric weights, by walking the sorted residuals."""
    base = np.round(point / (d + 1)).astype(int)
    residual = point / (d + 1) - base
    # Back to the hyperplane: shift the coordinates that rounding moved most.
    for _ in range(abs(base.sum())):
        if base.sum() > 0:
            i = residual.argmin()
            base[i], residual[i] = base[i] - 1, residual[i] + 1
        else:
            i = residual.argmax()
            base[i], residual[i] = base[i] + 1, residual[i] - 1
    order = np.argsort(-residual)
    ordered = residual[order]
    vertices = []
    for remainder in range(d + 1):
        key = (d + 1) * base + remainder
        # The coordinates of the smallest residuals wrap around.
        key[order[d + 1 - remainder :]] -= d + 1
        if remainder == 0:
            weight = 1 - ordered[0] + ordered[-1]
        else:
            weight = ordered[d - remainder] - ordered[d + 1 - remainder]
        vertices.append((tuple(key), weight))
    return vertices
