"""The reference engine: PyTorch, float32, on CUDA, MPS or the CPU."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_qsa.ensemble.engines.protocol import OutOfMemory, TileOutput
from napari_qsa.errors import EngineError

_TOO_LITTLE_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"""What MPS, the CPU and the CPU on Windows say; an illegal access to memory is something else."""


class TorchEngine:
    """Runs the members one after another, each in evaluation mode.

    Parameters
    ----------
    networks
        One per member. On a CPU they are used as they are, their weights re-laid to channels last
        (13 % to 50 % faster, same values); another device gets copies.
    device
        ``auto`` takes CUDA, then MPS, then the CPU.
    """

    name = "torch"

    def __init__(self, networks: Sequence[nn.Module], device: str = "auto") -> None:
        self._device = find_device(device)
        self._channels_last = self._device.type != "mps"
        memory_format = torch.channels_last if self._channels_last else torch.contiguous_format
        with _failures(self._device, "the ensemble: close other programs, or choose cpu"):
            if self._device.type != "cpu":
                networks = [copy.deepcopy(network) for network in networks]
            self._networks = [
                network.eval().to(device=self._device, memory_format=memory_format)  # type: ignore[call-overload]
                for network in networks
            ]
        self._source: str | None = None
        self._searched = False

    @property
    def device(self) -> str:
        """Name of the device in use."""
        return str(self._device)

    def run(self, tile: NDArray[np.float32], members: Sequence[int]) -> TileOutput:
        """Run some members on a tile; see `napari_qsa.ensemble.engines.protocol.Engine`."""
        outputs = []
        with _failures(self._device), torch.inference_mode(), _exact_float32():
            image = torch.from_numpy(np.ascontiguousarray(tile))[None].to(self._device)
            if self._channels_last:
                image = image.contiguous(memory_format=torch.channels_last)
            if not self._searched:
                self._source = _descriptor_source(self._networks[0], image)
                self._searched = True
            for member in members:
                outputs.append(_run_one(self._networks[member], image, self._source))
        return TileOutput(*(np.stack(parts) for parts in zip(*outputs, strict=True)))


def find_device(name: str) -> torch.device:
    """Choose a device.

    Raises
    ------
    EngineError
        If PyTorch does not know it or cannot use it here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise EngineError(
            f"PyTorch cannot use the device {name!r} here; choose cpu or auto."
        ) from error
    return device


def _run_one(network: nn.Module, image: Tensor, source: str | None) -> tuple[NDArray[Any], ...]:
    captured: list[Tensor] = []

    def capture(_: nn.Module, __: Any, output: Any) -> None:
        captured.append(_last_tensor(output))

    hook = None if source is None else network.get_submodule(source).register_forward_hook(capture)
    try:
        logits, descriptor = network(image)
    finally:
        if hook is not None:
            hook.remove()
    probabilities = torch.sigmoid(logits[0]).cpu().numpy()
    features = captured[-1][0] if captured else descriptor[0][:, None, None]
    return probabilities[0], probabilities[1], features.float().cpu().numpy()


def _descriptor_source(network: nn.Module, image: Tensor) -> str | None:
    """Find the module whose output's spatial mean is the network's descriptor.

    A tile's own mean holds its halo too; only the features themselves let the mean over a large
    image come out as if it had not been tiled. Networks return the mean, so the features are
    found by comparing, on a corner of `image`: the outermost, last module that gives this mean.
    """
    side = 2 * int(network.stride)  # type: ignore[arg-type]
    image = image[..., :side, :side]
    modules = {module: name for name, module in network.named_modules() if name}
    outputs: list[tuple[str, Tensor]] = []

    def capture(module: nn.Module, _: Any, output: Any) -> None:
        tensor = _last_tensor(output)
        if tensor is not None and tensor.ndim == 4:
            outputs.append((modules[module], tensor))

    hooks = [module.register_forward_hook(capture) for module in modules]
    try:
        descriptor = network(image).descriptor
    finally:
        for hook in hooks:
            hook.remove()
    for name, tensor in reversed(outputs):
        if tensor.shape[1] == descriptor.shape[1]:
            mean = tensor.mean(dim=(2, 3))
            if torch.allclose(mean, descriptor, rtol=1e-4, atol=1e-6):
                return name
    return None


def _last_tensor(output: Any) -> Any:
    while isinstance(output, list | tuple) and output:
        output = output[-1]
    return output if isinstance(output, Tensor) else None


@contextmanager
def _exact_float32() -> Iterator[None]:
    """Keep CUDA from rounding the inputs of its convolutions to TF32."""
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        yield


@contextmanager
def _failures(device: torch.device, load: str = "one tile") -> Iterator[None]:
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(f"The memory of {device} does not hold {load}.") from error
    except RuntimeError as error:
        if any(words in str(error).lower() for words in _TOO_LITTLE_MEMORY):
            raise OutOfMemory(f"The memory of {device} does not hold {load}.") from error
        reason = (
            str(error).strip().splitlines()[0][:200] if str(error).strip() else "no reason given"
        )
        raise EngineError(f"PyTorch failed on {device}: {reason}.") from error
