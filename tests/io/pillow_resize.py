"""Prints the expected values of tests/io/image_resize_test.cpp. Needs Pillow and numpy."""
import numpy as np
from PIL import Image

for width, height, to_width, to_height in [(7, 5, 3, 4), (5, 4, 9, 7), (16, 12, 5, 3), (3, 3, 3, 6)]:
    i = np.arange(width * height * 3, dtype=np.int64)
    pixels = ((i * i * 31 + i * 17) % 256).astype(np.uint8).reshape(height, width, 3)
    resized = np.array(Image.fromarray(pixels).resize((to_width, to_height)))  # the default filter: bicubic
    print("{%d, %d, %d, %d, {%s}}," % (width, height, to_width, to_height, ", ".join(map(str, resized.flatten()))))
