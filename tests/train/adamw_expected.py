"""Writes tests/train/adamw_expected.safetensors, the expected values of the test Optimizer.TenStepsEqualThoseOfPyTorch: ten
updates by torch.optim.AdamW with two groups of weight decay, linear warm-up and cosine decay of the learning rate by
torch.optim.lr_scheduler, and clipping by torch.nn.utils.clip_grad_norm_. The committed file was made with torch 2.13.0 on
a CPU; its header names the version.

    python tests/train/adamw_expected.py

Held in float32 (learning rates and norms in float64), steps counted from 0:
    start.NAME, gradient.STEP.NAME, value.STEP.NAME    a parameter before all, its gradient, and its value after the step
    rates, norms                                       [10] learning rates, and lengths of all gradients before clipping
`head.weight` has no gradient in steps 3 and 4, as the head of a modality that is not in the batch.
"""
from pathlib import Path

import torch
from safetensors.torch import save_file

STEPS, WARMUP, PEAK, FLOOR, CLIP, DECAY = 10, 3, 0.05, 0.002, 1.5, 0.1
WITH_DECAY = {"encoder.0.fc.weight": (3, 4), "head.weight": (2, 3)}
WITHOUT_DECAY = {"encoder.0.fc.bias": (3,), "encoder.0.norm1.weight": (4,)}

torch.manual_seed(4)
parameters = {name: torch.randn(shape).requires_grad_() for name, shape in (WITH_DECAY | WITHOUT_DECAY).items()}
optimizer = torch.optim.AdamW(
    [{"params": [parameters[name] for name in WITH_DECAY], "weight_decay": DECAY},
     {"params": [parameters[name] for name in WITHOUT_DECAY], "weight_decay": 0.0}],
    lr=PEAK, betas=(0.9, 0.95), eps=1e-8, foreach=False, fused=False)
schedule = torch.optim.lr_scheduler.SequentialLR(
    optimizer,
    [torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / WARMUP, total_iters=WARMUP - 1),
     torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS - WARMUP, eta_min=FLOOR)],
    milestones=[WARMUP])

stored = {"start." + name: p.detach().clone() for name, p in parameters.items()}
rates, norms = [], []
for step in range(STEPS):
    for name, p in parameters.items():
        absent = name == "head.weight" and step in (3, 4)
        # Lengths from about 0.3 to 5, so that some steps are clipped and some are not.
        p.grad = None if absent else torch.randn(p.shape) * 0.06 * 1.35**step
        if not absent:
            stored[f"gradient.{step}.{name}"] = p.grad.clone()
    rates.append(optimizer.param_groups[0]["lr"])
    norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), CLIP).item())
    optimizer.step()
    schedule.step()
    stored |= {f"value.{step}.{name}": p.detach().clone() for name, p in parameters.items()}
stored["rates"] = torch.tensor(rates, dtype=torch.float64)
stored["norms"] = torch.tensor(norms, dtype=torch.float64)
save_file(stored, Path(__file__).with_suffix(".safetensors"), {"torch": torch.__version__})
print("rates", rates, "norms", norms)
