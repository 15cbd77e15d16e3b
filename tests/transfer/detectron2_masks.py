"""Writes tests/fixtures/transfer/masks.safetensors, which tests/transfer/masks_test.cpp compares with. Needs torch.

The formula is that of Detectron2's _do_paste_mask (detectron2/layers/mask_ops.py), in float64."""
import json
import struct
import sys

import torch

torch.manual_seed(0)
HEIGHT, WIDTH = 48, 60


def pasted(mask, box):
    """The mask over the box as one of the image."""
    x0, y0, x1, y1 = box
    y = (torch.arange(HEIGHT).double() + 0.5 - y0) / (y1 - y0) * 2 - 1
    x = (torch.arange(WIDTH).double() + 0.5 - x0) / (x1 - x0) * 2 - 1
    grid = torch.stack([x.expand(HEIGHT, WIDTH), y[:, None].expand(HEIGHT, WIDTH)], 2)
    return torch.nn.functional.grid_sample(mask[None, None], grid[None], align_corners=False)[0, 0] >= 0.5


# Boxes of all sizes, some beyond the image, some thinner than a pixel; masks with areas and edges of all kinds.
centre = torch.rand(24, 2).double() * torch.tensor([WIDTH, HEIGHT])
side = torch.rand(24, 2).double() ** 2 * 70 + 0.3
boxes = torch.cat([centre - side / 2, centre + side / 2], 1).float().double()
coarse = torch.rand(24, 1, 7, 7).double()
small = torch.nn.functional.interpolate(coarse, size=28, mode="bilinear")[:, 0].float().double()
small[0] = 1
tensors = {"boxes": boxes, "small": small, "pasted": torch.stack([pasted(m, b) for m, b in zip(small, boxes)])}

header, data = {}, b""
for name, value in tensors.items():
    dtype, raw = ("U8", bytes(value.flatten().byte().tolist())) if name == "pasted" else (
        "F32", struct.pack("<%df" % value.numel(), *value.flatten().tolist()))
    header[name] = {"dtype": dtype, "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
