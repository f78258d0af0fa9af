"""Networks that encode a polytope: from within, the nearest input outside lies straight across the nearest face."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from bench.selftest.base import Array, Family, Known, chosen, inner, to_plane


class Polytope(Family):
    """Class 1 where any of `count` affine functions is above 0; examples are of class 0."""

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        while True:
            normals, offsets, shape = self.faces(rng)
            x = inner(rng, 8 * n, normals.shape[1])
            leads = offsets - x.astype(np.float64) @ normals.T
            each = [to_plane(x.astype(np.float64), a, lead, norm) for a, lead in zip(normals, leads.T, strict=True)]
            truth = np.where((leads > 0).all(1), np.min(each, axis=0), 0)
            net = self.net(torch.from_numpy(normals), torch.from_numpy(offsets), shape).float().eval()
            found = chosen(Known(net, x.reshape(-1, *shape), np.zeros(len(x), dtype=np.int64), truth, 2), n)
            if found is not None:
                return found

    def faces(self, rng: np.random.Generator) -> tuple[Array, Array, tuple[int, ...]]:
        """`(count, features)` normals, `(count,)` offsets, and the shape of an input."""
        features, count = int(rng.integers(3, 13)), int(rng.choice([2, 4, 8]))
        normals = rng.normal(size=(count, features))
        room = rng.uniform(0.05, 0.3, count) * np.abs(normals).sum(1)
        return normals, normals.sum(1) / 2 + room, (features,)

    def net(self, normals: Tensor, offsets: Tensor, shape: tuple[int, ...]) -> nn.Module:
        """The network, in float64."""
        raise NotImplementedError


class ReLU(Polytope):
    """The largest of the faces' functions by rectifiers: `max(u, v) = relu(u) - relu(-u) + relu(v - u)`."""

    name = "relu"
    reaches, decides, hidden = 0.9, 0.8, 0.85

    def net(self, normals: Tensor, offsets: Tensor, shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Flatten(), *largest(normals, -offsets))


class Maxout(Polytope):
    """The largest of the faces' functions by a maximum."""

    name = "maxout"
    reaches, decides, hidden = 0.9, 0.95, 0.85

    def net(self, normals: Tensor, offsets: Tensor, shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Flatten(), affine(normals, -offsets), Greatest(), affine(*LAST))


class Convolution(Polytope):
    """Faces of one normal each in a patch of an image, then the largest by rectifiers."""

    name = "conv"
    reaches, decides, hidden = 0.95, 0.8, 0.9

    def faces(self, rng: np.random.Generator) -> tuple[Array, Array, tuple[int, ...]]:
        high, wide, kernel = *rng.choice([2, 4], 2), rng.normal(size=(2, 2))
        shape = (1, int(high), int(wide))
        normals = []
        for top in range(0, high, 2):
            for left in range(0, wide, 2):
                face = np.zeros((high, wide))
                face[top : top + 2, left : left + 2] = kernel
                normals.append(face.ravel())
        offset = kernel.sum() / 2 + rng.uniform(0.1, 0.25) * np.abs(kernel).sum()
        return np.array(normals), np.full(len(normals), offset), shape

    def net(self, normals: Tensor, offsets: Tensor, shape: tuple[int, ...]) -> nn.Module:
        convolution = nn.Conv2d(1, 1, 2, stride=2).double()
        convolution.weight.data[:] = normals[0].view(*shape)[:, :2, :2]
        convolution.bias = nn.Parameter(-offsets[:1])
        eye = torch.eye(len(normals), dtype=torch.float64)
        return nn.Sequential(convolution, nn.Flatten(), *largest(eye, torch.zeros(len(eye), dtype=torch.float64)))


class Greatest(nn.Module):
    """`(N, count)` to `(N, 1)`."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(1, keepdim=True)


LAST = torch.tensor([[0.0], [1.0]], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
"""From the largest function to the scores of both classes."""


def largest(weight: Tensor, bias: Tensor) -> list[nn.Module]:
    """Layers that give 0 and the largest of `(count, inputs)` affine functions; count is a power of 2."""
    layers: list[nn.Module] = []
    while len(weight) > 1:
        halves = [(each[0::2], each[1::2]) for each in (weight, bias)]
        (a, b), (c, d) = halves
        layers += [affine(torch.cat([a, -a, b - a]), torch.cat([c, -c, d - c])), nn.ReLU()]
        one = torch.eye(len(a), dtype=torch.float64)
        weight, bias = torch.cat([one, -one, one], dim=1), torch.zeros(len(a), dtype=torch.float64)
    return [*layers, affine(LAST[0] @ weight, LAST[0] @ bias)]


def affine(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], len(weight)).double()
    layer.weight.data[:], layer.bias.data[:] = weight, bias
    return layer
