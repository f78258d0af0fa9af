"""The figure of maps of planes in input space."""

from __future__ import annotations

import torch
from figures_help import assert_sound, panels, texts

from bench.paper.figures.maps import maps, orthogonal, regions
from bench.running.roster import Models


def test_maps_of_the_adversarial_plane_are_worse_than_of_a_random_one(models: Models) -> None:
    drawn = maps(models)
    assert_sound(drawn)
    assert len(panels(drawn.figure)) == 24
    assert any("as eps of FGSM" in text for text in texts(drawn.figure))
    assert drawn.shows
    assert drawn.numbers["random"] < drawn.numbers["adversarial"]


def test_directions_are_made_orthogonal_and_of_one_length() -> None:
    across, up = torch.randn(2, 5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    one, other = (part.flatten(1) for part in orthogonal(across, up, torch.full((5,), 3.0)))
    assert (one * other).sum(1).abs().max() < 1e-5
    torch.testing.assert_close(torch.stack([one.norm(dim=1), other.norm(dim=1)]), torch.full((2, 5), 3.0))
    torch.testing.assert_close(one / 3, across.flatten(1) / across.flatten(1).norm(dim=1, keepdim=True))


def test_regions_run_from_lower_left_to_upper_right() -> None:
    def half(x: torch.Tensor) -> torch.Tensor:
        return (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()

    x = torch.zeros(1, 2)
    (seen,) = regions(half, x, torch.tensor([[1.0, 0]]), torch.tensor([[0, 1.0]]))
    assert (seen[0, 0], seen[0, -1], seen[-1, 0], seen[-1, -1]) == (0, 1, 2, 3)
