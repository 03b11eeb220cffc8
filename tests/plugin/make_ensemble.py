"""Write a small ensemble, trained for some seconds on drawn glands: run in a process of its own.

The tests of the window may not import torch, so they call this as a program. Longer training
and more members make the ensemble of the guide's picture: ``make_ensemble.py FILE 200 3``.
"""

import sys

import numpy as np
import torch
from torch.nn import functional

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.instances import InstanceOptions
from napari_qsa.images.reading import to_unit
from napari_qsa.images.scaling import rescale, resize_to
from napari_qsa.images.synthetic import synthetic_glas
from napari_qsa.networks import build_network
from napari_qsa.quantization import (
    activation_scheme,
    calibrate_activations,
    freeze,
    prepare,
)

SIDE, BATCH, ITERATIONS, MEMBERS = 128, 4, 60, 2


def examples():
    """Images and glands at half the resolution, normalised."""
    for pixels, labels, _ in synthetic_glas(2, seed=7):
        image = rescale(to_unit(pixels), 0.5)
        glands = resize_to((labels > 0).astype(np.float32), image.shape[:2], order=1)
        yield (image.transpose(2, 0, 1) - 0.5) / 0.25, glands > 0.5


def batches(data, random, count):
    for _ in range(count):
        inputs, targets = [], []
        for _ in range(BATCH):
            image, glands = data[random.integers(len(data))]
            row, column = (int(random.integers(n - SIDE)) for n in glands.shape)
            inputs.append(image[:, row : row + SIDE, column : column + SIDE])
            targets.append(glands[row : row + SIDE, column : column + SIDE])
        yield torch.from_numpy(np.stack(inputs)).float(), torch.from_numpy(np.stack(targets))


def train(seed, data, iterations):
    torch.manual_seed(seed)
    network = prepare(build_network("unet", width=4)).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for inputs, targets in batches(data, np.random.default_rng(seed), iterations):
        gland, separator = network(inputs).logits.unbind(1)
        loss = functional.binary_cross_entropy_with_logits(gland, targets.float())
        loss = loss + functional.binary_cross_entropy_with_logits(
            separator, torch.zeros_like(separator)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    crops = [inputs for inputs, _ in batches(data, np.random.default_rng(0), 4)]
    calibrate_activations(network, activation_scheme("u8"), crops)
    return freeze(network)


def main(path, iterations=ITERATIONS, members=MEMBERS):
    torch.set_num_threads(1)
    data = list(examples())
    networks = [train(seed, data, iterations) for seed in range(members)]
    card = EnsembleCard(
        instances=InstanceOptions(min_confidence=0),  # so little training makes nothing sure
        role="segmentation",
        network="unet",
        network_options={"width": 4},
        in_channels=3,
        members=members,
        weights="float",
        activations="u8",
        pixel_size=1.24,
        source_pixel_size=0.62,
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        halo=32,
        stride=16,
    )
    Ensemble(networks, card, engine="torch", device="cpu").save(path)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
