"use strict";

/** Run lengths of a compressed mask (COCO), zeros and ones in turn, down the columns. */
function runLengths(text) {
  const runs = [];
  let place = 0;
  while (place < text.length) {
    let value = 0, shift = 0, code;
    do {
      code = text.charCodeAt(place++) - 48;
      value |= (code & 31) << shift;
      shift += 5;
    } while (code & 32);
    if (code & 16) value |= -1 << shift;  // the sign of a difference
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/** Calls paint(x, y, count) for each vertical piece of a mask whose frame is `height` pixels high. */
function eachPiece(text, height, paint) {
  let place = 0;
  runLengths(text).forEach((run, number) => {
    const end = place + run;
    while (number % 2 && place < end) {
      const y = place % height, count = Math.min(end - place, height - y);
      paint((place - y) / height, y, count);
      place += count;
    }
    place = end;
  });
}

/** [left, top, right, bottom] of a mask; the last pixels belong to it. */
function maskBox(text, height) {
  const box = [Infinity, Infinity, -1, -1];
  eachPiece(text, height, (x, y, count) => {
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y + count - 1);
  });
  return box;
}
