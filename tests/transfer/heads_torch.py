"""Writes tests/fixtures/transfer/convnext_head.safetensors, which tests/transfer/heads_test.cpp compares with. Needs torch."""
import json
import struct
import sys

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """The block of ConvNeXt (Liu et al. 2022)."""

    def __init__(self, dim):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x):  # [B, C, H, W]
        y = self.dwconv(x).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(self.norm(y))))
        return x + y.permute(0, 3, 1, 2)


class Head(nn.Module):
    def __init__(self, tokens, classes, width, up, depth):
        super().__init__()
        self.up, self.width = up, width
        self.unfold = nn.Linear(tokens, width * up * up)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(depth)])
        self.out = nn.Conv2d(width, classes, 1)

    def forward(self, x, size):  # [B, h, w, D]
        b, h, w, _ = x.shape
        u = self.up
        y = self.unfold(x).view(b, h, w, u, u, self.width)
        y = y.permute(0, 5, 1, 3, 2, 4).reshape(b, self.width, h * u, w * u)
        return F.interpolate(self.out(self.blocks(y)), size=(size, size), mode="bilinear")


torch.manual_seed(0)
head = Head(12, 5, 6, 2, 2)
for parameter in head.parameters():
    nn.init.normal_(parameter, std=0.3)
tokens = torch.randn(2, 3, 3, 12)
maps = head(tokens, 24)
tensors = {name: value.detach() for name, value in head.state_dict().items()}
tensors["out.weight"] = tensors["out.weight"].flatten(1)
tensors |= {"tokens": tokens, "maps": maps.detach()}
header, data = {}, b""
for name, value in tensors.items():
    raw = struct.pack("<%df" % value.numel(), *value.contiguous().flatten().tolist())
    header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
