"""Writes the parity case tests/fixtures/generation/guided_captions: weighted guidance of the original
(GenerationSampler.generate_multi_guided) with several captions, on the model of forward_21. Needs a checkout of apple/ml-4m
(commit cda590f) on PYTHONPATH, torch, einops, huggingface_hub and safetensors. The committed files were made with torch
2.13.0 on a CPU.

    python tests/parity/guided_captions.py tests/fixtures/generation/guided_captions

Draws are replaced by the argmax of the filtered and tempered distribution. The runs:
    negative_caption   two captions as conditions, the second with a negative weight
    captions_and_rgb   two captions with different weights and an image, each a condition of its own
    grown              as negative_caption, then a second target, which is guided by the first one too
"""
import copy
import json
import sys
from pathlib import Path

import torch
from fourm.data.modality_info import MODALITY_INFO
from fourm.models.fm import FM
from fourm.models.generate import GenerationSampler, init_empty_target_modality, init_full_input_modality
from safetensors.torch import load_file, save_file

STRIDE = 32
FEATURES, GLOBAL = "tok_dinov2@224", "tok_dinov2_global"


class Recorder(GenerationSampler):
    """Draws the most probable token and records each step under the name of its run."""

    def start(self, name):
        self.name, self.step, self.found, self.noise = name, 0, {}, {}
        return self

    def sample_tokens(self, logits, temperature=1.0, top_k=0.0, top_p=0.0):
        probabilities = torch.softmax(self.top_k_top_p_filtering(logits, top_k, top_p) / temperature, -1)
        confidence, tokens = probabilities.max(-1)
        return tokens, confidence

    def forward_enc_dec_maskgit_batched(self, *arguments, **options):
        logits, self.slots = super().forward_enc_dec_maskgit_batched(*arguments, **options)
        return logits, self.slots

    def select_tokens_batched(self, logits, count, **options):
        if self.step == 0:
            self.found["step0.logits_stride32"] = logits[..., ::STRIDE].contiguous()
            self.found["step0.logsumexp"] = logits.logsumexp(-1)
            self.found["step0.argmax"] = logits.argmax(-1)
        tokens, indices, every = super().select_tokens_batched(logits, count, **options)
        at = f"step{self.step}."
        self.found[at + "positions"] = self.slots.gather(-1, indices)
        self.found[at + "tokens"] = tokens
        self.found[at + "conf"] = torch.softmax(logits / options["temperature"], -1).max(-1)[0].gather(-1, indices)
        self.step += 1
        return tokens, indices, every


def condition(modality, tensor):
    made = {modality: {"tensor": tensor}}
    if tensor.is_floating_point() and tensor.dim() == 3:  # T5 embeddings: one token a row
        shape = tensor.shape[:2]
        made[modality].update(input_mask=torch.zeros(shape, dtype=torch.bool), target_mask=torch.ones(shape, dtype=torch.bool),
                              decoder_attention_mask=torch.zeros(shape, dtype=torch.bool))
        return made
    return init_full_input_modality(made, MODALITY_INFO, modality, "cpu")


def empty(targets, rows):
    made = {}
    for modality, count in targets:
        init_empty_target_modality(made, MODALITY_INFO, modality, rows, count, "cpu")
    return made


def steps(target, counts, weights, temperature=1.0):
    return [dict(target_domain=target, scheme="maskgit", num_tokens=n, temperature=temperature, cfg_scale=weights,
                 cfg_cond_domains=[]) for n in counts]


def cast(value, dtype):
    if isinstance(value, dict):
        return {k: cast(v, dtype) for k, v in value.items()}
    return value.to(dtype) if value.is_floating_point() else value


def main(folder):
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(18)
    source = folder.parent.parent / "transformer" / "forward_21"
    model = FM(json.loads((source / "config.json").read_text()))
    model.load_state_dict(load_file(source / "model.safetensors"), strict=False)
    model.eval()

    def caption(length):
        return torch.randn(2, length, MODALITY_INFO["t5_caption"].get("orig_emb_dim", 4096), generator=generator).half().float()

    first, second = caption(5), caption(9)
    image = torch.randn(2, 3, 224, 224, generator=generator).half().float()
    pair = [condition("t5_caption", first), condition("t5_caption", second)]
    runs = {
        "negative_caption": (pair, [(FEATURES, 256)], steps(FEATURES, [40, 90, 126], [2.5, -1.5])),
        "captions_and_rgb": (pair + [condition("rgb@224", image)], [(FEATURES, 256)],
                             steps(FEATURES, [100, 156], [1.5, 0.5, 1.0], 0.7)),
        "grown": (pair, [(GLOBAL, 16), (FEATURES, 256)],
                  steps(GLOBAL, [6, 10], [2.0, -1.0]) + steps(FEATURES, [128, 128], [1.0, -0.5, 1.5])),
    }
    inputs, expected = {}, {}

    def store(value):
        for name, known in inputs.items():
            if known.dtype == value.dtype and torch.equal(known, value):
                return name
        inputs[f"t{len(inputs)}"] = value.clone()
        return f"t{len(inputs) - 1}"

    info = {"case": folder.name, "model_dir": "../../transformer/forward_21", "logits_vocab_stride": STRIDE, "runs": {}}
    for name, (conditions, targets, schedule) in runs.items():
        fields = lambda made: {m: {k: store(v) for k, v in f.items() if k != "decoder_attention_mask"} for m, f in made.items()}
        unconditional = empty(targets, 2)
        found = {}
        for dtype in (torch.float32, torch.float64):
            sampler = Recorder(copy.deepcopy(model).to(dtype)).start(name)
            with torch.no_grad():
                out = sampler.generate_multi_guided(cast(unconditional, dtype), [cast(c, dtype) for c in conditions], schedule)
            for target, _ in targets:
                sampler.found[f"final.{target}.tensor"] = out[target]["tensor"]
            found[dtype] = sampler.found
        single, double = found[torch.float32], found[torch.float64]
        same = all(torch.equal(v, double[k]) for k, v in single.items() if not v.is_floating_point())
        noise = lambda end: max((v - double[k]).abs().max().item() for k, v in single.items() if k.endswith(end))
        info["runs"][name] = {
            "draw": "argmax", "top_k": 0.0, "top_p": 0.0, "seed": None, "gate": True, "schedule": schedule,
            "uncond_order": [t for t, _ in targets], "uncond_inputs": fields(unconditional),
            "cond_orders": [list(c) for c in conditions], "cond_inputs": [fields(c) for c in conditions],
            "fp32_vs_fp64": {"same_tokens": same, "conf_max_abs": noise(".conf"), "step0_logits_max_abs": noise("stride32")},
        }
        print(name, info["runs"][name]["fp32_vs_fp64"])
        expected.update({f"{name}.{k}": v.contiguous() for k, v in single.items()})
    folder.mkdir(parents=True, exist_ok=True)
    save_file(inputs, folder / "inputs.safetensors")
    save_file(expected, folder / "expected.safetensors")
    (folder / "case.json").write_text(json.dumps(info, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
