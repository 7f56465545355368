"""Small video files of the kinds that cameras, browsers and recorders make."""

from fractions import Fraction

import av
import numpy as np


def corner_frames(count=4, width=64, height=48):
    """Frames with a bright corner, top left, and a grey that grows; no two turns look alike."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    for number, frame in enumerate(frames):
        frame[:] = 40 + 15 * number
        frame[: height // 2, : width // 4] = 250
    return frames


def write_file(path, frames, codec="libx264", pixels="yuv420p", *, times=None, rate=10, tags=None):
    """Frames at a constant rate, or at `times` in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.metadata.update(tags or {})
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            if times is not None:
                picture.pts, picture.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def set_matrix(path, a, b, c, d):
    """Puts a display matrix in the header of an MP4 or MOV file."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4 + 40
    rows = [[a, b, 0], [c, d, 0], [0, 0, 1 << 14]]
    matrix = np.array(rows) * [[1 << 16], [1 << 16], [1 << 16]]
    content[start : start + 36] = matrix.astype(">i4").tobytes()
    path.write_bytes(bytes(content))


def write_audio(path):
    """A second of silence."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
