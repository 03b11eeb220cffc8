"""One frozen network in OpenVINO: what runs on integers, how equal it is to PyTorch, how long.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/integer_share.py ENSEMBLE [--data FOLDER]
    OMP_WAIT_POLICY=PASSIVE python benchmarks/integer_share.py --random efficient_fcn|unet

Prints JSON, then a row of markdown (times: median and quartiles on the clock, then the median on
the processor, all threads together). Measured on images of 288 x 416 pixels (a GlaS image at half
size, mirrored at its border): the first ones of FOLDER, or four crops of scikit-image's
immunohistochemistry sample, which is on every machine. ``--random`` quantizes weights drawn from
a seed (inq4, u8) and calibrates them on the same images: for the share and the time only.

Multiply-adds are counted from the weights and the output of every convolution in the runtime's own
graph of what it compiled. A convolution is on integers if its input is u8 or i8 *and* its kernel is
an I8 one; what the graph does not show counts as float. ``--variant`` leaves out a part of the
rewriting in ``ensemble/engines/export.py``, to show what it is for. PyTorch in float64 is the yard
stick of the differences: it rounds otherwise too, with the same codes.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import platform
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_qsa.ensemble.card import EnsembleCard
from napari_qsa.ensemble.engines.export import IntegerConv2d, for_integers
from napari_qsa.ensemble.ensemble import Ensemble
from napari_qsa.ensemble.source import prepare_source
from napari_qsa.images import GLAS_PIXEL_SIZE, immunohistochemistry, open_dataset, read_image
from napari_qsa.networks import Output, build_network
from napari_qsa.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD
from napari_qsa.quantization import (
    IncrementalQuantizer,
    QuantizedConv2d,
    activation_scheme,
    calibrate_activations,
    convolutions,
    freeze,
    prepare,
    weight_scheme,
)

SHAPE = (288, 416)
WARM_UP = 3


class UnroundedConv2d(IntegerConv2d):
    """Leaves the rounding of signed inputs to the runtime."""

    def forward(self, values: Tensor) -> Tensor:
        """Convolve the quantized input."""
        values = torch.fake_quantize_per_tensor_affine(
            values, self.scale, 0, self.lowest, self.highest
        )
        convolved: Tensor = self.layer._conv_forward(values, self.weight(), self.layer.bias)
        return convolved


class FakeWeightConv2d(IntegerConv2d):
    """Gives the weights as float constants, fake-quantized on their grid."""

    def weight(self) -> Tensor:
        """Give the layer's weights, fake-quantized."""
        return torch.fake_quantize_per_tensor_affine(self.layer.weight, self.grid, 0, -128, 127)


VARIANTS: dict[str, type[IntegerConv2d] | None] = {
    "integers": IntegerConv2d,
    "unrounded": UnroundedConv2d,
    "fake-weights": FakeWeightConv2d,
    "untouched": None,
}


def rewritten(network: nn.Module, variant: str) -> nn.Module:
    """Rewrite a network as the engine will, or with a part of that left out."""
    kind = VARIANTS[variant]
    if kind is None:
        return network
    network = for_integers(network)
    for module in network.modules():
        if isinstance(module, IntegerConv2d):
            module.__class__ = kind
    return network


def without_quantizers(network: nn.Module) -> nn.Module:
    """Copy a network with float activations: the same work without quantization."""
    network = copy.deepcopy(network)
    for _, layer in convolutions(network):
        layer.input_quantizer.set(1.0, 0, 0)
    return network


def inputs(card: EnsembleCard, data: Path | None, count: int) -> list[Tensor]:
    """Read and normalise images, (1, C, 288, 416) float32 each."""
    if data is None:
        pixels = immunohistochemistry().pixels
        corners = [(0, 0), (0, 96), (224, 0), (224, 96)][:count]
        grids = [
            prepare_source(pixels[y : y + SHAPE[0], x : x + SHAPE[1]], card, card.pixel_size).grid
            for y, x in corners
        ]
    else:
        items = open_dataset(data).items[:count]
        grids = [prepare_source(read_image(item.image), card).grid for item in items]
    return [normalised(grid, card) for grid in grids]


def normalised(grid: NDArray[np.float32], card: EnsembleCard) -> Tensor:
    """Mirror a grid at its border, or cut it, to the shape that is measured."""
    grid = grid[: SHAPE[0], : SHAPE[1]]
    missing = [(0, SHAPE[0] - grid.shape[0]), (0, SHAPE[1] - grid.shape[1]), (0, 0)]
    grid = np.pad(grid, missing, mode="symmetric")
    image = torch.from_numpy(np.ascontiguousarray(grid.transpose(2, 0, 1)[None]))
    mean, std = (torch.tensor(values)[:, None, None] for values in (card.mean, card.std))
    return (image - mean) / std


def random_network(name: str, seed: int, images: list[Tensor]) -> nn.Module:
    """Quantize a network of seeded weights at once: the right shape, no sense."""
    torch.manual_seed(seed)
    network = prepare(build_network(name))
    IncrementalQuantizer(network, weight_scheme("inq4")).advance(1.0)
    batch = torch.cat(images)
    with torch.no_grad():
        for _ in range(20):  # running statistics of the batch normalisation
            network.train()(batch[..., :192, :192])
    calibrate_activations(network, activation_scheme("u8"), [batch])
    return freeze(network)


def random_card(name: str) -> EnsembleCard:
    """Say the least that the measurement needs to know."""
    return EnsembleCard(
        role="segmentation",
        network=name,
        network_options={},
        in_channels=3,
        members=1,
        weights="inq4",
        activations="u8",
        pixel_size=2 * GLAS_PIXEL_SIZE,
        source_pixel_size=GLAS_PIXEL_SIZE,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        halo=0,
        stride=32,
    )


def multiply_adds(network: nn.Module, image: Tensor) -> int:
    """Count the multiply-adds of all convolutions, from the shapes PyTorch sees."""
    counts: list[int] = []

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(layer, QuantizedConv2d)
        counts.append(layer.weight.numel() * math.prod(output.shape[2:]) * len(output))

    hooks = [layer.register_forward_hook(count) for _, layer in convolutions(network)]
    with torch.no_grad():
        network(image)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def compiled(network: nn.Module, image: Tensor, threads: int) -> Any:
    """Compile a network for the CPU, for images of this shape."""
    model = openvino.convert_model(network, example_input=image, input=list(image.shape))
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    return openvino.Core().compile_model(model, "CPU", options)


def kernels(model: Any) -> list[dict[str, Any]]:
    """List every convolution that really runs: kernel, precision of its input, multiply-adds."""
    rows = []
    for node in model.get_runtime_model().get_ordered_ops():
        info = {key: value.astype(str) for key, value in node.get_rt_info().items()}
        if info["layerType"] not in ("Convolution", "GroupConvolution"):
            continue
        output, weight = list(node.output(0).shape), list(node.input_value(1).shape)
        kernel, precision = info["primitiveType"], info["runtimePrecision"]
        rows.append(
            {
                "layers": info["originalLayersNames"],
                "kernel": kernel,
                "precision": precision,
                "integers": precision in ("u8", "i8") and kernel.lower().endswith("_i8"),
                "multiply_adds": math.prod(weight) * math.prod(output[2:]) * output[0],
            }
        )
    return rows


def share(rows: list[dict[str, Any]], total: int) -> dict[str, Any]:
    """Share of a network's multiply-adds that run on integers."""
    kinds = Counter(f"{row['precision']} {row['kernel']}" for row in rows)
    seen = sum(row["multiply_adds"] for row in rows)
    if seen > total:
        raise RuntimeError(f"the runtime's graph shows {seen} multiply-adds, PyTorch {total}")
    return {
        "multiply_adds": total,
        "on_integers": sum(r["multiply_adds"] for r in rows if r["integers"]) / total,
        "not_in_graph": (total - seen) / total,
        "convolutions": len(rows),
        "kernels": dict(kinds),
        "in_float": [row["layers"] for row in rows if not row["integers"]],
    }


def differences(pairs: list[tuple[Output, Output]]) -> dict[str, float]:
    """How far results are from the expected ones, over all images."""

    def arrays(index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        expected, found = (
            np.concatenate([pair[side][index].double().numpy().ravel() for pair in pairs])
            for side in (0, 1)
        )
        return expected, found

    logits, descriptors = arrays(0), arrays(1)
    probability = np.abs(np.subtract(*(1 / (1 + np.exp(-values)) for values in logits)))
    descriptor = np.abs(descriptors[0] - descriptors[1])
    return {
        "probability_max": float(probability.max()),
        "probability_mean": float(probability.mean()),
        "probability_over_1e-6": float((probability > 1e-6).mean()),
        "decisions_changed": float(((logits[0] > 0) != (logits[1] > 0)).mean()),
        "descriptor_max": float(descriptor.max()),
        "descriptor_mean": float(descriptor.mean()),
        "descriptor_largest_value": float(np.abs(descriptors[0]).max()),
    }


def timed(runners: dict[str, Callable[[], object]], runs: int) -> dict[str, dict[str, float]]:
    """Time each runner: one after the other in every round, so that they share the noise.

    Beside the milliseconds on the clock, which a busy machine stretches, those of the processor in
    all threads together.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runners}
    for round_ in range(WARM_UP + runs):
        for name, run in runners.items():
            start = time.perf_counter(), time.process_time()
            run()
            stop = time.perf_counter(), time.process_time()
            if round_ >= WARM_UP:
                taken[name].append((1e3 * (stop[0] - start[0]), 1e3 * (stop[1] - start[1])))
    quantiles = {name: np.quantile(both, [0.25, 0.5, 0.75], axis=0) for name, both in taken.items()}
    return {
        name: {
            "lower_quartile": round(clock[0], 1),
            "median": round(clock[1], 1),
            "upper_quartile": round(clock[2], 1),
            "processor_median": round(processor[1], 1),
        }
        for name, values in quantiles.items()
        for clock, processor in [values.T.tolist()]
    }


def measure(network: nn.Module, images: list[Tensor], args: argparse.Namespace) -> dict[str, Any]:
    """Compile, compare and time one network."""
    form = rewritten(network, args.variant)
    model = compiled(form, images[0], args.threads)

    def run(image: Tensor) -> Output:
        logits, descriptor = (torch.tensor(value) for value in model(image.numpy()).values())
        return Output(logits, descriptor)

    double = copy.deepcopy(network).double()
    with torch.inference_mode():
        expected = [network(image) for image in images]
        same_values = all(
            torch.equal(a, b)
            for image, output in zip(images, expected, strict=True)
            for a, b in zip(form(image), output, strict=True)
        )
        in_double = [double(image.double()) for image in images]
    report = {
        "rewriting_keeps_values": same_values,
        "share": share(kernels(model), multiply_adds(network, images[0])),
        "difference_to_pytorch": differences(
            [(output, run(image)) for output, image in zip(expected, images, strict=True)]
        ),
        "pytorch_float64_to_pytorch": differences(list(zip(expected, in_double, strict=True))),
    }
    plain = without_quantizers(network)
    plain_model = compiled(plain, images[0], args.threads)

    def eager(module: nn.Module) -> None:
        with torch.inference_mode():
            module(images[0])

    report["milliseconds"] = timed(
        {
            "pytorch": lambda: eager(network),
            "pytorch_without_quantizers": lambda: eager(plain),
            "openvino": lambda: model(images[0].numpy()),
            "openvino_without_quantizers": lambda: plain_model(images[0].numpy()),
        },
        args.runs,
    )
    return report


def markdown(name: str, report: dict[str, Any]) -> str:
    """One row: what, share, differences, times."""
    off, times = report["difference_to_pytorch"], report["milliseconds"]
    cells = [
        name,
        report["variant"],
        f"{100 * report['share']['on_integers']:.1f} %",
        f"{off['probability_max']:.1e} / {off['probability_mean']:.1e}",
        f"{off['descriptor_max']:.1e} / {off['descriptor_mean']:.1e}",
        *(
            "{median:.0f} ({lower_quartile:.0f}-{upper_quartile:.0f}), "
            "{processor_median:.0f}".format(**value)
            for value in times.values()
        ),
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("ensemble", nargs="?", help="a shipped name or a file")
    which.add_argument("--random", metavar="NETWORK")
    parser.add_argument("--member", type=int, default=0)
    parser.add_argument("--data", type=Path, help="a folder of images")
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0, help="of --random")
    parser.add_argument("--variant", choices=VARIANTS, default="integers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--out", type=Path, help="write the JSON here too")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    if args.random:
        card = random_card(args.random)
        images = inputs(card, args.data, args.images)
        network = random_network(args.random, args.seed, images)
    else:
        ensemble = Ensemble.load(args.ensemble, engine="torch", device="cpu")
        card, network = ensemble.card, ensemble.networks()[args.member]
        images = inputs(card, args.data, args.images)
    report = {
        "network": card.network,
        "weights": card.weights,
        "activations": card.activations,
        "random_seed": args.seed if args.random else None,
        "variant": args.variant,
        "shape": SHAPE,
        "images": len(images),
        "threads": args.threads,
        "runs": args.runs,
        "load_before": round(os.getloadavg()[0], 1),
        **measure(network, images, args),
        "versions": {"torch": torch.__version__, "openvino": openvino.__version__},
        "machine": platform.machine(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))
    print(markdown(card.network + (" (random)" if args.random else ""), report))


if __name__ == "__main__":
    main()
