"""Writes the expected values of tests/coco/captions_test.cpp, which makes the same sets: BLEU-1 to BLEU-4 and CIDEr of random
captions by pycocoevalcap, and the words of the lines of captions.txt by its tokenizer (which needs java).

    pip install pycocoevalcap==1.2
    python tests/coco/pycocoevalcap_values.py tests/coco
"""
import contextlib
import io
import sys

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
from pycocotools_values import Random

SETS = 50


def words(random):
    # Of two draws the smaller one, so that some words are frequent.
    return " ".join("w%d" % min(random.below(30), random.below(30)) for _ in range(random.below(12)))


def main(folder):
    with open(folder + "/pycocoevalcap_scores.txt", "w") as out:
        for seed in range(SETS):
            random = Random(seed)
            truth, found = {}, {}
            for image in range(1 + random.below(8)):
                truth[image] = [words(random) for _ in range(1 + random.below(5))]
                found[image] = [truth[image][0] + " w1" if random.below(4) == 0 else words(random)]
            with contextlib.redirect_stdout(io.StringIO()):
                numbers = Bleu(4).compute_score(truth, found)[0] + [Cider().compute_score(truth, found)[0]]
            out.write(" ".join("%.9g" % n for n in numbers) + "\n")
    with open(folder + "/captions.txt") as lines:
        captions = {i: [{"caption": line.rstrip("\n")}] for i, line in enumerate(lines)}
    with open(folder + "/captions_words.txt", "w") as out:
        for i, tokens in PTBTokenizer().tokenize(captions).items():
            out.write(tokens[0] + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
