"""Writes the expected values of tests/parity/forward_gradient_test.cpp: gradients of the original for the parity cases of
the forward pass. Needs a checkout of apple/ml-4m (commit cda590f) on PYTHONPATH, torch, einops, huggingface_hub and
safetensors. The committed files were made with torch 2.13.0 on a CPU.

    python tests/parity/forward_gradients.py CASE_FOLDER OUT.safetensors

The loss is the mean over the modalities (loss_type="mod"). Of every parameter with a gradient, OUT holds
    NAME          the gradient in float32; of a matrix with many rows only the rows in rows.NAME
    rows.NAME     int64, at most 64 rows, evenly chosen among those that are not zero
    norm.NAME     length of the whole gradient
    noise.NAME    largest difference of the whole gradient from a float64 run of the original
"""
import json
import random
import sys
from pathlib import Path

import torch
from fourm.models.fm import FM
from safetensors.torch import load_file, save_file

MOST_ROWS = 64


def gradients(case, info, dtype):
    model = FM(json.loads((case / info["model_dir"] / "config.json").read_text()))
    model.load_state_dict(load_file(case / info["model_dir"] / "model.safetensors"), strict=False)
    model = model.to(dtype)
    inputs = load_file(case / "inputs.safetensors")
    batch = {}
    for name, tensor in inputs.items():
        modality, field = name.rsplit(".", 1)
        batch.setdefault(modality, {})[field] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    batch = {modality: batch[modality] for modality in info["batch_order"]}
    loss, _ = model(batch, info["num_encoder_tokens"], info["num_decoder_tokens"], loss_type="mod")
    loss.sum().backward()
    print(case.name, dtype, "loss", loss.item())
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def main(case, out):
    random.sample = lambda population, k: list(population)[:k]  # modalities of the decoder in the order of the batch
    torch.set_num_threads(1)
    info = json.loads((case / "case.json").read_text())
    single, double = (gradients(case, info, dtype) for dtype in (torch.float32, torch.float64))
    stored = {}
    for name, gradient in single.items():
        stored["norm." + name] = gradient.norm().reshape(1)
        stored["noise." + name] = (gradient - double[name]).abs().max().float().reshape(1)
        if gradient.dim() == 2 and len(gradient) > MOST_ROWS:
            rows = gradient.abs().sum(1).nonzero().flatten()
            rows = rows[:: max(1, -(-len(rows) // MOST_ROWS))]
            stored["rows." + name] = rows.clone()
            gradient = gradient[rows]
        stored[name] = gradient.contiguous()
    save_file(stored, out, {"torch": torch.__version__})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
