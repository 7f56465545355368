#!/usr/bin/env bash
# av 18.1.0 (libx264): with B-frames an MP4 loses the time that its last frame is shown.
#
# A frame of a video of variable rate can carry a duration, and with the codec flag `frame_duration` the
# encoder passes it on. Without B-frames the stream then lasts as long as its frames. With B-frames, which
# are x264's default, every time stamp is right, but the stream ends about where the last frame begins.
# A recording that ends on a still picture becomes shorter by as long as that picture stood.
#
# Seen: frames for 2698 ms in all, the last for 1200 ms; the stream lasts 2698 ms without B-frames and
# 1665 ms with x264's default; the times of all frames are right in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags

MILLISECOND = Fraction(1, 1000)
SHOWN = [100, 100, 100, 100, 900, 33, 33, 33, 33, 33, 33, 1200]


def written(name, b_frames=None):
    """Milliseconds that the stream lasts, and whether each frame has its time."""
    times = np.cumsum([0, *SHOWN[:-1]]).tolist()
    with av.open(name, "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = MILLISECOND
        stream.codec_context.flags |= Flags.frame_duration
        if b_frames is not None:
            stream.codec_context.max_b_frames = b_frames
        for number, (time, duration) in enumerate(zip(times, SHOWN)):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * number, np.uint8))
            frame.time_base, frame.pts, frame.duration = MILLISECOND, time, duration
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with av.open(name) as container:
        stream = container.streams.video[0]
        found = [round(1000 * frame.time) for frame in container.decode(stream)]
        return round(1000 * stream.duration * stream.time_base), found == times


without, default = written("without.mp4", 0), written("default.mp4")
print(f"{sum(SHOWN)} ms of frames; without B-frames {without}, by default {default}")
assert without == (2698, True) and default == (1665, True), "it has changed"
PYTHON
