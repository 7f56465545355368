"""Videos and timelines of their tracks as a static page that needs no network."""

from __future__ import annotations

import dataclasses
import html
import itertools
import pathlib
from collections.abc import Sequence

from ovis_jax.formats.atomic import write_text

Color = tuple[int, int, int]

_LABEL, _FRAMES, _ROW, _BAR = 190, 760, 22, 14  # pixels: columns, row height, bar height


@dataclasses.dataclass(frozen=True)
class Moment:
    """What a timeline shows of a track in one frame: a word and its RGB colour."""

    word: str
    color: Color


@dataclasses.dataclass(frozen=True)
class TimelineRow:
    """One track.

    Attributes:
      label: at the left.
      color: RGB, of the square beside the label.
      moments: for each frame, None where the track is not visible.
    """

    label: str
    color: Color
    moments: Sequence[Moment | None]


@dataclasses.dataclass(frozen=True)
class TimelineVideo:
    """A video and its tracks.

    Attributes:
      id: of the video; an address that ends "#video-<id>" shows it, and "#video-<id>-frame-<t>"
        moves its movie to a frame.
      title: heading.
      movie: file name relative to the page; likewise `sheet`.
      sheet: see `movie`.
      length: number of frames.
      frames_per_second: of the movie.
      rows: a heading and its tracks, one after the other.
    """

    id: int
    title: str
    movie: str
    sheet: str
    length: int
    frames_per_second: float
    rows: Sequence[tuple[str, Sequence[TimelineRow]]]


def write_page(
    path: pathlib.Path | str,
    title: str,
    videos: Sequence[TimelineVideo],
    legend: Sequence[Moment] = (),
) -> None:
    """Writes the page; movies and sheets lie beside it.

    A click on a timeline moves its movie there.
    """
    keys = "".join(f"<span>{_square(m.color)} {html.escape(m.word)}</span>" for m in legend)
    sections = "\n".join(_section(video) for video in videos)
    heading = html.escape(title)
    write_text(path, _PAGE.format(title=heading, style=_STYLE, keys=keys, body=sections))


def spans(moments: Sequence[Moment | None]) -> list[tuple[int, int, Moment]]:
    """Frames (first, last) that look the same, one after the other; none where not visible."""
    found, first = [], 0
    for moment, group in itertools.groupby(moments):
        end = first + len(list(group))
        if moment is not None:
            found.append((first, end - 1, moment))
        first = end
    return found


def _section(video: TimelineVideo) -> str:
    rows = "\n".join(
        f"<h3>{html.escape(heading)}</h3>\n{_timeline(video.length, tracks)}"
        for heading, tracks in video.rows
    )
    movie, sheet = html.escape(video.movie, quote=True), html.escape(video.sheet, quote=True)
    rate = f"{video.frames_per_second:g}"
    return f"""<section id="video-{video.id}" data-length="{video.length}" data-rate="{rate}">
<h2>{html.escape(video.title)}</h2>
<video src="{movie}" controls loop muted></video>
<p><a href="{sheet}">contact sheet</a></p>
{rows}
</section>"""


def _timeline(length: int, tracks: Sequence[TimelineRow]) -> str:
    """The tracks as a drawing: a row for each, one unit of width for each frame."""
    height = _ROW * len(tracks)
    labels = "".join(
        f"<div>{_square(track.color)} {html.escape(track.label)}</div>" for track in tracks
    )
    bars = "".join(
        f'<rect x="{first}" y="{number * _ROW + (_ROW - _BAR) // 2}" width="{last + 1 - first}" '
        f'height="{_BAR}" fill="{_hex(moment.color)}"><title>{html.escape(track.label)}: '
        f"frames {first} to {last}, {html.escape(moment.word)}</title></rect>"
        for number, track in enumerate(tracks)
        for first, last, moment in spans(track.moments)
    )
    rules = "".join(f'<path d="M0 {number * _ROW}H{length}"/>' for number in range(len(tracks) + 1))
    return (
        f'<div class="timeline"><div class="labels">{labels}</div>'
        f'<svg viewBox="0 0 {length} {height}" height="{height}" preserveAspectRatio="none">'
        f'{rules}{bars}<line class="now" x1="0" x2="0" y1="0" y2="{height}"/></svg></div>'
    )


def _square(color: Color) -> str:
    return f'<i style="background:{_hex(color)}"></i>'


def _hex(color: Color) -> str:
    red, green, blue = color
    return f"#{red:02x}{green:02x}{blue:02x}"


_STYLE = f"""
body {{ font: 14px sans-serif; margin: 24px; color: #222; background: #fff; }}
section {{ margin: 0 0 40px; }}
h2 {{ font-size: 18px; }} h3 {{ font-size: 14px; margin: 12px 0 4px; }}
video {{ max-width: 100%; width: {_LABEL + _FRAMES}px; background: #000; }}
i {{ display: inline-block; width: 10px; height: 10px; border-radius: 2px; }}
.keys span {{ margin-right: 18px; }}
.timeline {{ display: flex; width: {_LABEL + _FRAMES}px; max-width: 100%; }}
.labels {{ flex: 0 0 {_LABEL}px; }}
.labels div {{ height: {_ROW}px; line-height: {_ROW}px; white-space: nowrap; overflow: hidden; }}
svg {{ flex: 1; min-width: 0; background: #f4f4f4; cursor: pointer; }}
svg path, .now {{ vector-effect: non-scaling-stroke; stroke: #ddd; }}
.now {{ stroke: #000; stroke-width: 2px; }}
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>
<h1>{title}</h1>
<p class="keys">{keys}</p>
{body}
<script>
for (const section of document.querySelectorAll("section")) {{
  const movie = section.querySelector("video");
  const length = Number(section.dataset.length), rate = Number(section.dataset.rate);
  const lines = section.querySelectorAll(".now");
  const show = () => lines.forEach(line => {{
    const x = Math.min(movie.currentTime * rate, length);
    line.setAttribute("x1", x); line.setAttribute("x2", x);
  }});
  const follow = () => {{ show(); if (!movie.paused) requestAnimationFrame(follow); }};
  movie.addEventListener("timeupdate", show);
  movie.addEventListener("play", follow);
  for (const drawing of section.querySelectorAll("svg")) {{
    drawing.addEventListener("click", event => {{
      const box = drawing.getBoundingClientRect();
      const frame = Math.floor((event.clientX - box.left) / box.width * length);
      movie.currentTime = (frame + 0.5) / rate;
    }});
  }}
}}
const visit = () => {{
  const place = location.hash.match(/^#(video--?\\d+)-frame-(\\d+)$/);
  const section = place && document.getElementById(place[1]);
  if (!section) return;
  section.scrollIntoView();
  section.querySelector("video").currentTime = (Number(place[2]) + 0.5) / section.dataset.rate;
}};
addEventListener("hashchange", visit);
visit();
</script>
</body>
</html>
"""
