#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: reading a grey PNG of 1, 2 or 4 bits "unchanged" changes its numbers.
#
# cv2.imdecode(..., cv2.IMREAD_UNCHANGED) multiplies the samples so that they fill 0 to 255: object 1 of
# a 1-bit mask comes back as 255, objects 1, 2, 3 of a 2-bit mask as 85, 170, 255. Pillow, which writes
# such files from masks of bools, and optimisers of PNG files, which make them from 8-bit ones, keep the
# numbers. In masks where 255 means "ignore" the last object is lost without a word.
#
# Seen: 1 bit: Pillow [0, 1], OpenCV [0, 255]; 2 bits: stored [0, 1, 2, 3], OpenCV [0, 85, 170, 255].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q opencv-python-headless==5.0.0.93 numpy==2.4.6 pillow==12.3.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image


def opencv(content):
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.unique(image).tolist()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


mask = np.zeros((4, 4), bool)
mask[1, 1] = True
file = io.BytesIO()
Image.fromarray(mask).save(file, "PNG")
one_bit = opencv(file.getvalue())
pillow = np.unique(np.asarray(Image.open(file)).astype(int)).tolist()

header = struct.pack(">IIBBBBB", 4, 1, 2, 0, 0, 0, 0)  # 4x1 pixels, 2 bits, grey
pixels = zlib.compress(bytes([0, 0b00_01_10_11]))
parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
two_bits = opencv(b"\x89PNG\r\n\x1a\n" + parts)

print(f"1 bit: Pillow {pillow}, OpenCV {one_bit}; 2 bits: stored [0, 1, 2, 3], OpenCV {two_bits}")
assert pillow == [0, 1] and one_bit == [0, 255] and two_bits == [0, 85, 170, 255], "it has changed"
PYTHON
