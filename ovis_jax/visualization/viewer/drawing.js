"use strict";

/** An element with attributes, text and children; `svg:` before its name for one of a drawing. */
function make(name, attributes = {}, ...children) {
  const drawn = name.startsWith("svg:");
  const element = drawn
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** "#rrggbb" as [r, g, b]. */
function channels(color) {
  return [1, 3, 5].map(place => parseInt(color.slice(place, place + 2), 16));
}

/** Draws the masks of tracks in a frame over what the canvas shows; places for their labels. */
function drawMasks(context, width, height, tracks, frame) {
  const picture = context.getImageData(0, 0, width, height), places = [];
  for (const track of tracks) {
    const mask = track.masks[frame];
    if (!mask) continue;
    const color = channels(track.color);
    let left = width, top = height;
    const edge = new Set();
    eachPiece(mask, height, (x, y, count) => {
      left = Math.min(left, x);
      top = Math.min(top, y);
      for (let row = y; row < y + count; row++) tint(picture.data, 4 * (row * width + x), color, 0.45);
      edge.add(y * width + x).add((y + count - 1) * width + x);
    });
    for (const pixel of edge) tint(picture.data, 4 * pixel, color, 0.6);
    places.push({ track, left, top });
  }
  context.putImageData(picture, 0, 0);
  return places;
}

function tint(data, place, color, share) {
  for (let channel = 0; channel < 3; channel++) {
    data[place + channel] = data[place + channel] * (1 - share) + color[channel] * share;
  }
}

/** Writes the labels of tracks above their masks. */
function drawLabels(context, places, width) {
  context.font = "12px sans-serif";
  context.textBaseline = "top";
  for (const { track, left, top } of places) {
    const long = context.measureText(track.label).width + 6;
    const x = Math.max(0, Math.min(left, width - long)), y = Math.max(0, top - 16);
    const [red, green, blue] = channels(track.color);
    context.fillStyle = track.color;
    context.fillRect(x, y, long, 16);
    context.fillStyle = 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#000" : "#fff";
    context.fillText(track.label, x + 3, y + 2);
  }
}

/** Draws a dashed frame around a box [left, top, right, bottom]. */
function drawBox(context, [left, top, right, bottom], color) {
  context.save();
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.setLineDash([6, 3]);
  context.strokeRect(left - 1, top - 1, right - left + 3, bottom - top + 3);
  context.restore();
}

/** Frames [first, last, key] that have the same key, one after the other; none where it is null. */
function spans(keys) {
  const found = [];
  keys.forEach((key, frame) => {
    const last = found[found.length - 1];
    if (key === null) return;
    if (last && last[2] === key && last[1] === frame - 1) last[1] = frame;
    else found.push([frame, frame, key]);
  });
  return found;
}

/** A timeline: rows of {label, color, bars: [first, last, fill or class, text]}, one unit a frame. */
function timeline(length, rows, jump) {
  const high = 20, height = Math.max(1, rows.length * high);
  const drawing = make("svg:svg", {
    viewBox: `0 0 ${length} ${height}`, height, preserveAspectRatio: "none",
  });
  rows.forEach((row, number) => {
    for (const bar of row.bars) drawing.append(timelineBar(bar, number * high + 4));
  });
  drawing.append(make("svg:line", { class: "now", x1: 0, x2: 0, y1: 0, y2: height }));
  drawing.addEventListener("click", event => {
    const box = drawing.getBoundingClientRect();
    jump(Math.floor((event.clientX - box.left) / box.width * length));
  });
  const names = make("div", { class: "names" }, ...rows.map(row => make(
    "div", { title: row.label }, make("i", { style: `background:${row.color}` }), row.label)));
  return make("div", { class: "timeline" }, names, drawing);
}

function timelineBar({ first, last, fill, kind, text }, y) {
  const bar = make("svg:rect", { x: first, y, width: last + 1 - first, height: 12 });
  if (kind) bar.setAttribute("class", kind);
  else bar.setAttribute("fill", fill);
  bar.append(make("svg:title", {}, text));
  return bar;
}
