"""Prints the expected values of tests/transfer/augment_test.cpp. Needs Pillow and numpy."""
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

W, H = 9, 7
i = np.arange(W * H * 3, dtype=np.int64)
image = Image.fromarray(((i * i * 31 + i * 17) % 256 // 2 + 40).astype(np.uint8).reshape(H, W, 3))
LEVEL = 0.6  # of magnitude 6


def solarize_add(image, add):
    table = [min(255, v + add) if v < 128 else v for v in range(256)] * 3
    return image.point(table)


results = {
    "AutoContrast": ImageOps.autocontrast(image),
    "Equalize": ImageOps.equalize(image),
    "Invert": ImageOps.invert(image),
    "Posterize": ImageOps.posterize(image, 4 - int(LEVEL * 4)),
    "Solarize": ImageOps.solarize(image, 256 - int(LEVEL * 256)),
    "SolarizeAdd": solarize_add(image, int(LEVEL * 110)),
    "Color": ImageEnhance.Color(image).enhance(1 + 0.9 * LEVEL),
    "Contrast": ImageEnhance.Contrast(image).enhance(1 - 0.9 * LEVEL),
    "Brightness": ImageEnhance.Brightness(image).enhance(1 + 0.9 * LEVEL),
    "Sharpness": ImageEnhance.Sharpness(image).enhance(1 - 0.9 * LEVEL),
}
for name, result in results.items():
    print('{"%s", {%s}},' % (name, ", ".join(map(str, np.array(result).flatten()))))
