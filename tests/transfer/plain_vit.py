"""Writes tests/fixtures/transfer/vit_*: small random ViTs as timm and Hugging Face save them, and the tokens that they compute, with
which tests/transfer/plain_vit_test.cpp compares. Needs torch, timm and transformers. Weights are stored as float16."""
import json
import struct
import sys
import tempfile
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file
from timm.layers import resample_abs_pos_embed
from transformers import ViTConfig, ViTModel

torch.manual_seed(0)
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
root = Path(sys.argv[1])


def save(path, tensors, half=False):
    header, data = {}, b""
    for name, value in tensors.items():
        value = value.detach().contiguous()
        kind = "U8" if value.dtype == torch.uint8 else "F16" if half else "F32"
        raw = bytes(value.flatten().tolist()) if kind == "U8" else struct.pack(
            "<%d%s" % (value.numel(), "e" if half else "f"), *value.flatten().tolist())
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def randomise(model):
    """Weights that float16 holds exactly, with norms and biases away from their first values."""
    for name, p in model.named_parameters():
        base = 1 if name.endswith(("norm1.weight", "norm2.weight", "norm.weight", "before.weight", "after.weight",
                                   "layernorm.weight")) else 0
        p.data = (base + 0.2 * torch.randn_like(p)).half().float()
    return model.eval()


def normal(images, mean, deviation):
    x = images.permute(0, 3, 1, 2).float() / 255
    return (x - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]


images = torch.randint(0, 256, (2, 24, 24, 3), dtype=torch.uint8)
larger = torch.randint(0, 256, (1, 40, 40, 3), dtype=torch.uint8)
expected = {"images": images, "larger": larger}

# timm, with layer scales; larger images with resized positions.
vit = randomise(timm.models.VisionTransformer(img_size=24, patch_size=8, embed_dim=128, depth=1, num_heads=2, mlp_ratio=1,
                                              num_classes=3, init_values=0.1))
save(root / "vit_timm/model.safetensors", vit.state_dict(), half=True)
(root / "vit_timm/config.json").write_text(json.dumps({"architecture": "vit_small", "num_classes": 3}))
with torch.no_grad():
    expected["timm"] = vit.forward_features(normal(images, *IMAGENET))[:, 1:]
    state = vit.state_dict()
    state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], new_size=[5, 5], antialias=False)
    wide = timm.models.VisionTransformer(img_size=40, patch_size=8, embed_dim=128, depth=1, num_heads=2, mlp_ratio=1,
                                         num_classes=3, init_values=0.1).eval()
    wide.load_state_dict(state)
    expected["timm_larger"] = wide.forward_features(normal(larger, *IMAGENET))[:, 1:]

# MAE's checkpoint: a dict in a file of torch.save, with what the decoder needs, and a mean of 0 elsewhere.
mae = randomise(timm.models.VisionTransformer(img_size=24, patch_size=8, embed_dim=64, depth=1, num_heads=1, mlp_ratio=1,
                                              num_classes=0))
beside = {"mask_token": torch.zeros(1, 1, 8), "decoder_embed.weight": torch.zeros(8, 64), "decoder_pos_embed": torch.zeros(1, 10, 8)}
torch.save({"model": {k: v.half() for k, v in (mae.state_dict() | beside).items()}}, root / "vit_mae.pth")
with torch.no_grad():
    expected["mae"] = mae.forward_features(normal(images, *IMAGENET))[:, 1:]

# Hugging Face, with four heads, and pixels from -1 to 1.
config = ViTConfig(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, image_size=24, patch_size=8,
                   layer_norm_eps=1e-6)
hf = randomise(ViTModel(config, add_pooling_layer=True))
with tempfile.TemporaryDirectory() as folder:  # the names of files are not those of modules
    hf.save_pretrained(folder)
    state = load_file(Path(folder) / "model.safetensors")
save(root / "vit_hf/model.safetensors", state, half=True)
(root / "vit_hf/config.json").write_text(json.dumps({"model_type": "vit", "num_attention_heads": 4, "hidden_size": 64}))
(root / "vit_hf/preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
with torch.no_grad():
    expected["hf"] = hf(normal(images, [0.5] * 3, [0.5] * 3)).last_hidden_state[:, 1:]

save(root / "vit_expected.safetensors", expected)
