"""The optimizer of a member: AdamW, with a rate of its own for a pretrained encoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from napari_qsa.ensemble.training.options import TrainingOptions


def new_optimizer(network: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """AdamW over four groups: encoder and others, each with weight decay and without."""
    groups: list[dict[str, Any]] = []
    for encoder in (False, True):
        for decayed in (True, False):
            chosen = [
                parameter
                for name, parameter in network.named_parameters()
                if name.startswith("encoder.") == encoder and (parameter.ndim > 1) == decayed
            ]
            groups.append(
                {
                    "params": chosen,
                    "weight_decay": options.weight_decay if decayed else 0.0,
                    "factor": options.encoder_rate if encoder else 1.0,
                }
            )
    return torch.optim.AdamW(groups, lr=options.learning_rate)
