"""The halo is measured, not guessed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_qsa.ensemble.receptive_field import measure_halo
from napari_qsa.networks import Output


class Reach(nn.Module):
    """Each pixel sees exactly `reach` pixels to every side, or to one."""

    stride = 8

    def __init__(self, reach: int, one_sided: bool = False) -> None:
        super().__init__()
        self.padding = reach
        weight = torch.zeros(2, 1, 2 * reach + 1, 2 * reach + 1)
        weight[:, :, 0 if one_sided else slice(None), reach] = 1 / (2 * reach + 1)
        weight[:, :, reach, 0 if one_sided else slice(None)] = 1 / (2 * reach + 1)
        self.weight = nn.Parameter(weight)

    def forward(self, image: Tensor) -> Output:
        logits = nn.functional.conv2d(image, self.weight, padding=self.padding)
        return Output(logits, logits.mean((2, 3)))


@pytest.mark.parametrize(("reach", "halo"), [(0, 8), (7, 8), (8, 8), (9, 16), (20, 24)])
@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("shape", [(1, 200, 180), (1, 1, 40, 9), (1, 1, 1)])
def test_a_known_reach(reach: int, halo: int, one_sided: bool, shape: tuple[int, ...]) -> None:
    image = 1 + torch.rand(shape, generator=torch.Generator().manual_seed(0))
    assert measure_halo(Reach(reach, one_sided), image, 1e-4, max_halo=64) == halo


def test_the_search_ends() -> None:
    assert measure_halo(Reach(40), torch.ones(1, 64, 64), 1e-4, max_halo=30) == 32


def test_tolerance() -> None:
    image = torch.ones(1, 64, 64)
    halos = [measure_halo(Reach(24), image, t, max_halo=64) for t in (1.0, 0.1, 0.01, 1e-4)]
    assert halos == sorted(halos)
    assert halos[0] == 8
    assert halos[-1] == 24
