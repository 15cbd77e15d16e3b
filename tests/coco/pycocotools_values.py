"""Writes the expected values of tests/coco/evaluation_test.cpp, which makes the same sets: COCO's twelve numbers of boxes and of
masks for each random set, by pycocotools, and masks of random polygons as its compressed run lengths.

    pip install pycocotools==2.0.11 numpy
    python tests/coco/pycocotools_values.py tests/coco
"""
import contextlib
import io
import sys

from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

SETS = 200
POLYGONS = 120


class Random:
    """A linear congruential generator that every language can repeat."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def quarter(random, low, high):
    """A number from low to below high in steps of a quarter."""
    return low + random.below(4 * (high - low)) / 4


def polygon(random, box, corners):
    x, y, w, h = box
    out = []
    for _ in range(corners):
        out += [x + w * random.below(65) / 64, y + h * random.below(65) / 64]
    return out


def rectangle_runs(box, height, width):
    """The run lengths of the whole pixels in a box."""
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    right, bottom = min(width, int(box[0] + box[2]) + 1), min(height, int(box[1] + box[3]) + 1)
    counts, outside = [], left * height
    for _ in range(left, right):
        if bottom <= top:
            break
        counts += [outside + top, bottom - top]
        outside = height - bottom
    return {"size": [height, width], "counts": counts + [height * width - sum(counts)]}


def shape(random, box, height, width, compressed):
    kind = random.below(4)
    if kind == 0:
        return [polygon(random, box, 3 + random.below(5))]
    if kind == 1:
        return [polygon(random, box, 3 + random.below(3)), polygon(random, box, 4)]
    runs = rectangle_runs(box, height, width)
    return mask.frPyObjects(runs, height, width) if compressed and kind == 2 else runs


def objects(random, image, categories, n):
    for _ in range(n):
        limit = [20, 60, 250][random.below(3)]
        yield {"image_id": image["id"], "category_id": 1 + random.below(categories),
               "bbox": [quarter(random, -4, image["width"]), quarter(random, -4, image["height"]),
                        quarter(random, 1, limit), quarter(random, 1, limit)]}


def moved(random, found, categories):
    """A prediction near an object."""
    x, y, w, h = found["bbox"]
    category = found["category_id"] if random.below(8) else 1 + random.below(categories)
    return {"image_id": found["image_id"], "category_id": category,
            "bbox": [x + w * (random.below(9) - 4) / 32, y + h * (random.below(9) - 4) / 32,
                     w * (28 + random.below(9)) / 32, h * (28 + random.below(9)) / 32]}


def make_set(seed):
    random = Random(seed)
    categories = 1 + random.below(4)
    truth = {"images": [], "annotations": [], "categories": [{"id": i + 1, "name": str(i)} for i in range(categories + 1)]}
    boxes, masks = [], []
    for i in range(1 + random.below(6)):
        image = {"id": 100 - 7 * i, "height": 60 + random.below(200), "width": 60 + random.below(200)}
        size = image["height"], image["width"]
        truth["images"].append(image)
        known = list(objects(random, image, categories, random.below(6)))
        guesses = [moved(random, found, categories) for found in known for _ in range(random.below(3))]
        guesses += list(objects(random, image, categories, 130 if random.below(40) == 0 else random.below(4) + (i == 0)))
        for annotation in known:
            annotation["id"] = len(truth["annotations"]) + 1
            annotation["segmentation"] = shape(random, annotation["bbox"], *size, compressed=False)
            annotation["iscrowd"] = int(random.below(7) == 0)
            annotation["area"] = annotation["bbox"][2] * annotation["bbox"][3] * (1 + random.below(4)) / 4
            truth["annotations"].append(annotation)
        for guess in guesses:
            guess["score"] = random.below(16) / 16
            boxes.append(guess)
            whole = {key: value for key, value in guess.items() if key != "bbox"}
            whole["segmentation"] = mask.merge(mask.frPyObjects([polygon(random, guess["bbox"], 4)], *size)) \
                if random.below(3) == 0 else mask.frPyObjects(rectangle_runs(guess["bbox"], *size), *size)
            whole["segmentation"]["counts"] = whole["segmentation"]["counts"].decode()
            masks.append(whole)
    return truth, boxes, masks


def scores(truth, predictions, kind):
    with contextlib.redirect_stdout(io.StringIO()):
        ground_truth = COCO()
        ground_truth.dataset = truth
        ground_truth.createIndex()
        evaluation = COCOeval(ground_truth, ground_truth.loadRes(predictions), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return list(evaluation.stats)


def main(folder):
    with open(folder + "/pycocotools_scores.txt", "w") as out:
        for seed in range(SETS):
            truth, boxes, masks = make_set(seed)
            assert boxes  # loadRes needs one
            numbers = scores(truth, boxes, "bbox")
            numbers += scores(*make_set(seed)[::2], "segm")
            out.write(" ".join("%.8g" % n for n in numbers) + "\n")
    with open(folder + "/pycocotools_polygons.txt", "w") as out:
        random = Random(12345)
        for _ in range(POLYGONS):
            height, width = 1 + random.below(80), 1 + random.below(80)
            box = [quarter(random, -20, 30), quarter(random, -20, 30), quarter(random, 0, 60), quarter(random, 0, 60)]
            runs = mask.frPyObjects([polygon(random, box, 3 + random.below(8))], height, width)[0]
            out.write("%d %d %s %s\n" % (height, width, runs["counts"].decode(), " ".join(map(str, mask.toBbox(runs)))))


if __name__ == "__main__":
    main(sys.argv[1])
