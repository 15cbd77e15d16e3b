"""Writes tests/fixtures/clip: a CLIP with random weights in the layout of Hugging Face, images, and what `transformers`
computes from them: token ids, pixel values, embeddings of texts and images, feature maps.

    pip install transformers==4.57.6 torch pillow
    python tests/clip/hugging_face_clip.py tests/fixtures/clip
"""
import json
import math
import os
import sys
from collections import Counter

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizerFast
from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode

WORDS = """a photo of the small red house on a hill by the sea with two white windows and the open door behind the old
tree where a cat sleeps in the warm sun while children play with the yellow ball near the wooden table and the chair
it's they're we've don't i'll he'd i'm"""

TEXTS = ["a photo of a cat", "", "  The   small\tRED house\nby the sea ", "it's 2023: they're 1,234.5 metres away!!",
         "we've don't i'll he'd i'm o'clock '' 'sea", "Größe straße İstanbul ΣΟΦΟΣ Éte\u0301", "你好 世界 カタカナ",
         "emoji \U0001F600\U0001F44D\U0001F3FD and \u200d joined", "a <|endoftext|> cat", "<|STARTOFTEXT|> x <|startoftext|>",
         "tab\u00a0nbsp\u2003em\u0085nel\u200bzero", "\u00bd \u2163 \u0663 \u00b2 numbers", "x" * 200, "the house " * 60,
         "\ufffd \x07 bell", "ﬁne ℌello Å \u212b", "a_b-c/d\\e (f) [g] {h} #tag @me 100% $5 ~ `q`"]


def make_tokenizer(folder):
    """A vocabulary as CLIP's: bytes, bytes at the end of a word, merges, two special tokens."""
    base = list(bytes_to_unicode().values())
    vocabulary = base + [c + "</w>" for c in base]
    words = Counter(WORDS.replace("'", " '").split())
    pieces = {w: list(w[:-1]) + [w[-1] + "</w>"] for w in words}
    merges = []
    while len(merges) < 150:
        pairs = Counter()
        for w, parts in pieces.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[w]
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for parts in pieces.values():
            i = 0
            while i + 1 < len(parts):
                if (parts[i], parts[i + 1]) == best:
                    parts[i:i + 2] = ["".join(best)]
                i += 1
    vocabulary += ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    with open(os.path.join(folder, "vocab.json"), "w") as f:
        json.dump({token: i for i, token in enumerate(vocabulary)}, f, ensure_ascii=False)
    with open(os.path.join(folder, "merges.txt"), "w") as f:
        f.write("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in merges))
    return len(vocabulary)


def make_model(folder, vocabulary):
    torch.manual_seed(0)
    common = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "projection_dim": 32}
    config = CLIPConfig(
        text_config={**common, "num_attention_heads": 4, "vocab_size": vocabulary, "max_position_embeddings": 77,
                     "bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1},
        vision_config={**common, "num_attention_heads": 2, "patch_size": 16, "image_size": 224}, projection_dim=32)
    model = CLIPModel(config).eval()
    with torch.no_grad():  # the initial weights are too small to tell layers apart, and biases and norms are trivial
        for name, p in model.named_parameters():
            if name == "logit_scale":
                p.fill_(2.5)
            elif "norm" in name or "layrnorm" in name:
                p.add_(0.3 * torch.randn_like(p))
            elif name.endswith("bias") or "embedding" in name:
                p.copy_(0.5 * torch.randn_like(p))
            else:
                p.copy_(1.5 * torch.randn_like(p) / math.sqrt(p[0].numel()))
    model.save_pretrained(folder)
    return model


def make_images(folder):
    images = []
    for i, (width, height) in enumerate([(300, 260), (61, 97)]):
        y, x = np.mgrid[0:height, 0:width]
        image = np.stack([255 * x / width, 255 * y / height, 127 + 120 * np.sin((x + 2 * y) / (9 + i))], -1)
        image[height // 3:height // 2, width // 4:width // 2] = [20, 200, 90]
        Image.fromarray(image.astype(np.uint8)).save(os.path.join(folder, f"image{i}.png"), optimize=True)
        images.append(Image.open(os.path.join(folder, f"image{i}.png")).convert("RGB"))
    return images


def square(image, size):
    """What the original's tokenizers of feature maps are trained on (apple/ml-4m, cfgs/default/tokenization/vqvae/CLIP-B16): the
    middle square with the mean and deviation of ImageNet."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side)).resize((size, size), Image.BICUBIC)
    x = torch.tensor(np.asarray(image)).permute(2, 0, 1)[None].float() / 255
    mean, deviation = (torch.tensor(v)[None, :, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return (x - mean) / deviation


def feature_map(model, pixels):
    """[D, h, w]: VisionTransformer.forward(return_final_tokens_no_cls=True) of the original's fourm/utils/clip/model.py, which
    resizes the position table where the image has another size."""
    vision = model.vision_model
    e = vision.embeddings
    patches = e.patch_embedding(pixels)
    h, w = patches.shape[2:]
    table = e.position_embedding.weight
    side = int(math.sqrt(len(table) - 1))
    grid = table[1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    if (h, w) != (side, side):
        grid = torch.nn.functional.interpolate(grid, scale_factor=((h + 0.1) / side, (w + 0.1) / side), mode="bicubic")
    positions = torch.cat([table[None, :1], grid.flatten(2).transpose(1, 2)], 1)
    x = torch.cat([e.class_embedding[None, None], patches.flatten(2).transpose(1, 2)], 1) + positions
    x = vision.encoder(inputs_embeds=vision.pre_layrnorm(x)).last_hidden_state
    x = model.visual_projection(vision.post_layernorm(x))[0, 1:]
    return x.T.reshape(-1, h, w)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    model = make_model(folder, make_tokenizer(folder))
    tokenizer = CLIPTokenizerFast(os.path.join(folder, "vocab.json"), os.path.join(folder, "merges.txt"))
    processor = CLIPImageProcessor()
    processor.save_pretrained(folder)
    images = make_images(folder)
    with torch.no_grad():
        pixels = processor(images=images, return_tensors="pt")["pixel_values"]
        tokens = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=77, return_tensors="pt")
        text_embeds = model.get_text_features(**tokens)
        expected = {
            "text_embeds": text_embeds / text_embeds.norm(dim=-1, keepdim=True),
            "image_embeds": torch.nn.functional.normalize(model.get_image_features(pixels), dim=-1),
            "pixels": pixels[:, :, ::8, ::8].contiguous(),
            "features": torch.stack([feature_map(model, square(i, 224)) for i in images]),
            "features_288": feature_map(model, square(images[0], 288)),
        }
    save_file({k: v.contiguous() for k, v in expected.items()}, os.path.join(folder, "expected.safetensors"))
    ids = [tokenizer(t, truncation=True, max_length=77)["input_ids"] for t in TEXTS]
    with open(os.path.join(folder, "texts.json"), "w") as f:
        json.dump([{"text": t, "ids": i} for t, i in zip(TEXTS, ids)], f)
    tokenizer.backend_tokenizer.save(os.path.join(folder, "whole_tokenizer.json"))


if __name__ == "__main__":
    assert transformers.__version__.startswith("4."), transformers.__version__
    main(sys.argv[1])
