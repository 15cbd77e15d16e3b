#!/usr/bin/env python3
"""Times workloads of `fourm bench` in the Python original, for scripts/benchmark.sh --peer: those that the peer folder has not.

  PYTHONPATH=ml-4m peer_workloads.py sr448|finetune [--size B] [--threads 2] [--repeats 3] [--batch 8] [--tok tokenizer.json]

Weights are random. Prints one line of JSON with `median_s`.
"""
import argparse
import json
import random
import time
import types

import torch

# (channels, heads, layers of the encoder and of the decoder)
SIZES = {"Ti": (384, 6, 6), "S": (512, 8, 8), "B": (768, 12, 12), "L": (1024, 16, 24)}


def declare_operators():
    """Declares what torchvision needs to be imported where its compiled operators do not fit this torch."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(name + "(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor")
        return library


def settings(size):
    dim, heads, depth = SIZES[size]
    return dict(patch_size=16, norm_bias=False, act_layer="SiLU", dim=dim, encoder_depth=depth, decoder_depth=depth, num_heads=heads,
                mlp_ratio=4, qkv_bias=False, proj_bias=False, mlp_bias=False, gated_mlp=True, qk_norm=False)


def super_resolution(args):
    """The first of 8 MaskGIT steps of CLIP features and of RGB at 448 pixels, from a caption and 392 tokens, guidance 2."""
    import fourm.models.fm
    from fourm.data.modality_info import MODALITY_INFO
    from fourm.models import generate
    from tokenizers import Tokenizer

    # random.sample() takes no sets since Python 3.11.
    fourm.models.fm.random = types.SimpleNamespace(**{name: getattr(random, name) for name in random.__all__})
    fourm.models.fm.random.sample = lambda population, k: random.sample(list(population), k)
    maps = [f"tok_{name}@" for name in ("clip", "depth", "normal", "rgb", "semseg")]
    outputs = [name + "448" for name in maps]
    config = dict(settings(args.size), image_size=448, domains_in=["caption", "det"] + [name + "224" for name in maps] + outputs,
                  domains_out=outputs, decoder_causal_mask=False, decoder_sep_mask=True, num_register_tokens=0,
                  share_modality_embeddings=True)
    sampler = generate.GenerationSampler(fourm.models.fm.FM(config=config).eval())
    text = Tokenizer.from_file(args.tok)
    device = torch.device("cpu")
    given, targets = ["tok_clip@224", "tok_rgb@224"], ["tok_clip@448", "tok_rgb@448"]
    tokens = generate.custom_text({}, "a photo of a red boat on a lake", "[EOS]", "caption", device, text)
    for name in given:
        tokens[name] = {"tensor": torch.randint(0, MODALITY_INFO[name]["vocab_size"], (1, 196))}
        generate.init_full_input_modality(tokens, MODALITY_INFO, name, device)
    for name in targets:
        generate.init_empty_target_modality(tokens, MODALITY_INFO, name, 1, 784, device)
    steps = generate.build_chained_generation_schedules(
        cond_domains=["caption"] + given, target_domains=targets, tokens_per_target=[784, 784],
        autoregression_schemes=["maskgit", "maskgit"], decoding_steps=[8, 8], token_decoding_schedules=["cosine", "cosine"],
        temps=[1.0, 1.0], temp_schedules=["constant", "constant"], cfg_scales=[2.0, 2.0], cfg_schedules=["constant", "constant"],
        cfg_grow_conditioning=True)

    def run():
        with torch.no_grad():
            sampler.generate(tokens, [steps[0], steps[8]], top_k=0.0, top_p=0.8, text_tokenizer=text, seed=0)

    return run


def finetune(args):
    """A step of AdamW: the original's encoder with a linear head of 1,000 classes on the mean of the tokens."""
    from fourm.models.fm_vit import FMViT

    class Head(torch.nn.Linear):
        def forward(self, tokens):
            return super().forward(tokens.mean(1))

    dim = SIZES[args.size][0]
    model = FMViT(dict(settings(args.size), image_size=224, domains_in=["rgb@224"], domains_out=[]), output_head=Head(dim, 1000))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.95), weight_decay=0.05)
    images, labels = torch.randn(args.batch, 3, 224, 224), torch.randint(0, 1000, (args.batch,))

    def run():
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 3.0)
        optimizer.step()
        optimizer.zero_grad()

    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=["sr448", "finetune"])
    parser.add_argument("--size", choices=SIZES, default="B")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tok", help="text tokenizer, for sr448")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    operators = declare_operators()  # noqa: F841: they are gone with the object
    run = {"sr448": super_resolution, "finetune": finetune}[args.workload](args)
    run()
    times = []
    for _ in range(args.repeats):
        start = time.time()
        run()
        times.append(time.time() - start)
    print(json.dumps({"workload": args.workload, "size": args.size, "median_s": sorted(times)[len(times) // 2], "all": times}))


if __name__ == "__main__":
    main()
