"""Writes the expected values of tests/eval/generation_scores_test.cpp, which makes the same weights, images and vectors: outputs
of the Inception network of pytorch-fid with random weights, its distance between two sets of vectors, the Inception score, and
precision and recall.

    pip install pytorch-fid==0.3.0 scipy
    python tests/eval/inception_values.py tests/eval/inception_values.txt
"""
import sys

import numpy as np
import torch
from pytorch_fid import fid_score, inception


def uniform(seed, n):
    """n numbers from -1 to below 1 that every language can repeat."""
    i = np.arange(n, dtype=np.uint64)
    with np.errstate(over="ignore"):
        x = (i + np.uint64(seed) * np.uint64(1000003)) * np.uint64(0x9E3779B97F4A7C15)
        x ^= x >> np.uint64(29)
        x *= np.uint64(0xBF58476D1CE4E5B9)
    return (x >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def name_seed(name):
    seed = 0
    for c in name.encode():
        seed = (seed * 131 + c) % 2**31
    return seed


def weights():
    network = inception._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    network.Mixed_5b = inception.FIDInceptionA(192, pool_features=32)  # as fid_inception_v3 does
    network.Mixed_5c = inception.FIDInceptionA(256, pool_features=64)
    network.Mixed_5d = inception.FIDInceptionA(288, pool_features=64)
    state = {}
    for name, value in network.state_dict().items():
        u = uniform(name_seed(name), value.numel()).reshape(value.shape)
        if name.endswith("num_batches_tracked"):
            state[name] = value
            continue
        if name.endswith("conv.weight") or name == "fc.weight":
            u = u * np.sqrt(6 / (value.numel() / value.shape[0]))
        elif name.endswith("running_var"):
            u = 1 + 0.5 * u
        elif name.endswith("bn.weight"):
            u = 1 + 0.2 * u
        else:
            u = 0.1 * u
        state[name] = torch.tensor(u, dtype=torch.float32)
    return state


def image(seed, width, height):
    u = uniform(seed, 4 * 4 * 3).reshape(4, 4, 3)
    y, x = np.mgrid[0:height, 0:width]
    return ((u[y * 4 // height, x * 4 // width] + 1) * 100 + (x * 3 + y * 5)[:, :, None] % 50).astype(np.uint8)


def numbers(out, values):
    out.write(" ".join("%.9g" % v for v in values) + "\n")


def main(path):
    state = weights()
    inception.load_state_dict_from_url = lambda *_, **__: state
    network = inception.InceptionV3([3]).eval()
    with open(path, "w") as out, torch.no_grad():
        for seed, width, height in [(1, 64, 48), (2, 320, 300)]:
            x = torch.tensor(image(seed, width, height)).permute(2, 0, 1)[None].float() / 255
            features = network(x)[0].flatten()
            numbers(out, features[:64].tolist())
            numbers(out, (state["fc.weight"] @ features)[:32].tolist())
        a = uniform(7, 60 * 8).reshape(60, 8) @ (np.eye(8) + 0.3 * uniform(8, 64).reshape(8, 8))
        b = 1.3 * uniform(9, 50 * 8).reshape(50, 8) + 0.2
        a, b = a.astype(np.float32).astype(np.float64), b.astype(np.float32).astype(np.float64)
        numbers(out, a.flatten())
        numbers(out, b.flatten())
        numbers(out, [fid_score.calculate_frechet_distance(a.mean(0), np.cov(a, rowvar=False),
                                                           b.mean(0), np.cov(b, rowvar=False))])
        scores = []
        classes = np.exp(3 * a) / np.exp(3 * a).sum(1, keepdims=True)
        for part in np.split(classes, 10):
            scores.append(np.exp((part * (np.log(part) - np.log(part.mean(0)))).sum(1).mean()))
        numbers(out, [np.mean(scores), np.std(scores)])

        def inside(points, centres, k=3):
            radius = np.sort(np.linalg.norm(centres[:, None] - centres[None], axis=2), axis=1)[:, k]
            return (np.linalg.norm(points[:, None] - centres[None], axis=2) <= radius).any(1).mean()

        numbers(out, [inside(a, b), inside(b, a)])


if __name__ == "__main__":
    main(sys.argv[1])
