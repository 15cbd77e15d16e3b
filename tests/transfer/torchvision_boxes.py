"""Writes tests/fixtures/transfer/boxes.safetensors, which tests/transfer/boxes_test.cpp compares with. Needs torch and torchvision."""
import json
import struct
import sys

import torch
from torchvision.ops import box_iou, nms, roi_align

torch.manual_seed(0)


def boxes(count, size):
    """Of all sizes, some beyond the image, some thin, one without area."""
    centre = torch.rand(count, 2) * size * 1.2 - size * 0.1
    side = torch.rand(count, 2) ** 2 * size
    result = torch.cat([centre - side / 2, centre + side / 2], 1)
    result[0] = torch.tensor([5.0, 6.0, 5.0, 6.0])
    return result


tensors = {}
maps = torch.randn(2, 3, 9, 12, requires_grad=True)
rois = boxes(24, 100)
images = torch.randint(0, 2, (24,))
tensors |= {"maps": maps, "rois": rois, "images": images.float()}
for name, bins, samples in [("adaptive", 7, 0), ("two", 5, 2)]:
    pooled = roi_align(maps, torch.cat([images[:, None].float(), rois], 1), bins, spatial_scale=1 / 8,
                       sampling_ratio=-1 if samples == 0 else samples, aligned=True)
    (gradient,) = torch.autograd.grad((pooled * torch.arange(pooled.numel()).view_as(pooled).sin()).sum(), maps)
    tensors |= {name: pooled, name + "_gradient": gradient}

many = boxes(300, 60)[1:]
many[:, 2:] += 8
scores = (torch.rand(299) * 50).round() / 50  # with equal ones
tensors |= {"many": many, "scores": scores, "overlaps": box_iou(many[:20], many[20:50])}
for threshold in (0.3, 0.5, 0.7):
    tensors["kept_%d" % round(threshold * 10)] = nms(many, scores, threshold).float()

header, data = {}, b""
for name, value in tensors.items():
    raw = struct.pack("<%df" % value.numel(), *value.detach().contiguous().flatten().tolist())
    header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
