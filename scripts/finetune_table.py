#!/usr/bin/env python3
"""What scripts/finetune_rooms.sh measured, in TASK/START/FRACTION/seedN_rateR/measures.json.

  finetune_table.py best-rate FOLDER       the learning rate whose run of seed 0 is best
  finetune_table.py table FOLDER --out DIR prints a Markdown table; writes it to DIR/table.md, and a figure to DIR/table.svg
"""
import json
import math
import sys
from pathlib import Path

TASKS = {"class": ("kind of room", "top1"), "semseg": ("semantic map", "mIoU"), "depth": ("depth", "delta1"), "det": ("boxes", "AP")}
STARTS = {"scratch": "scratch", "rgb2rgb": "RGB → RGB", "rgb2clip": "RGB → features", "rooms-ti": "rooms-ti"}
COLOURS = ["#999999", "#4c78a8", "#f58518", "#54a24b"]
STUDENT = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}  # two-sided 95 % of Student's t by number of runs


def measures(folder, task):
    """By learning rate: the measures of all seeds."""
    found = {}
    for file in sorted(folder.glob("seed*_rate*/measures.json")):
        rate = file.parent.name.split("_rate")[1]
        found.setdefault(rate, []).append(json.loads(file.read_text())["eval"][TASKS[task][1]])
    return found


def best_rate(folder):
    task = folder.parent.parent.name
    of_first = {}
    for file in folder.glob("seed0_rate*/measures.json"):
        of_first[file.parent.name.split("_rate")[1]] = json.loads(file.read_text())["eval"][TASKS[task][1]]
    if not of_first:
        sys.exit(f"{folder}: holds no finished run of seed 0")
    return max(sorted(of_first), key=of_first.get)


def cell(folder, task):
    """Mean and half of the 95 % interval (None of a single run) of the rate that all seeds have, which is the best."""
    if not folder.is_dir() or not any(folder.glob("seed0_rate*/measures.json")):
        return None
    values = measures(folder, task)[best_rate(folder)]
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    return mean, STUDENT[len(values)] * deviation / math.sqrt(len(values))


def text(value):
    if value is None:
        return "-"
    mean, half = value
    return f"{mean:.3f}" if half is None else f"{mean:.3f} ± {half:.3f}"


def svg(rows):
    """Groups of bars, a group a task and share of the labels, with intervals."""
    bar, gap, height, top = 14, 26, 180, 30
    parts, x = [], 40
    for task, fraction, cells in rows:
        first = x
        for colour, value in zip(COLOURS, cells):
            if value is not None:
                mean, half = value
                y = top + height * (1 - min(max(mean, 0), 1))
                parts.append(f'<rect x="{x}" y="{y:.1f}" width="{bar - 2}" height="{top + height - y:.1f}" fill="{colour}"/>')
                if half is not None:
                    low, high = (top + height * (1 - min(max(v, 0), 1)) for v in (mean - half, mean + half))
                    parts.append(f'<path d="M{x + bar / 2 - 1} {low:.1f}V{high:.1f}" stroke="black"/>')
            x += bar
        middle = (first + x) / 2
        for line, words in enumerate((f"{100 * float(fraction):g} %", TASKS[task][0])):
            parts.append(f'<text x="{middle}" y="{top + height + 14 + 13 * line}" text-anchor="middle">{words}</text>')
        x += gap
    for i, (colour, name) in enumerate(zip(COLOURS, STARTS.values())):
        parts.append(f'<rect x="{40 + 110 * i}" y="8" width="10" height="10" fill="{colour}"/>'
                     f'<text x="{54 + 110 * i}" y="17">{name}</text>')
    for v in (0, 0.5, 1):
        y = top + height * (1 - v)
        parts.append(f'<path d="M36 {y}H{x}" stroke="#ddd"/><text x="30" y="{y + 4}" text-anchor="end">{v:g}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{x}" height="{top + height + 36}" font-family="sans-serif" '
            f'font-size="11">{"".join(parts)}</svg>\n')


def table(folder, out):
    lines = ["| task | measure | labels | " + " | ".join(STARTS.values()) + " |", "|---|---|---|" + "---|" * len(STARTS)]
    rows = []
    for task, (title, measure) in TASKS.items():
        fractions = sorted({f.name for f in (folder / task).glob("*/*") if f.is_dir()}, key=float)
        for fraction in fractions:
            cells = [cell(folder / task / start / fraction, task) for start in STARTS]
            rows.append((task, fraction, cells))
            lines.append(f"| {title} | {measure} | {100 * float(fraction):g} % | " + " | ".join(map(text, cells)) + " |")
    if not rows:
        sys.exit(f"{folder}: holds no finished run")
    markdown = "\n".join(lines) + "\n"
    (out / "table.md").write_text(markdown)
    (out / "table.svg").write_text(svg(rows))
    print(markdown, end="")


if len(sys.argv) == 3 and sys.argv[1] == "best-rate":
    print(best_rate(Path(sys.argv[2])))
elif len(sys.argv) == 5 and sys.argv[1] == "table" and sys.argv[3] == "--out":
    table(Path(sys.argv[2]), Path(sys.argv[4]))
else:
    sys.exit(__doc__)
