"use strict";

const KINDS = { missed: "missed", switch: "identity switch", class: "wrong class" };
const COLORS = { missed: "#e63232", switch: "#7b2fd0", class: "#e67e00" };  // as in viewer.css
const numbered = frame => frame * state.video.step;  // on the page is every step-th frame of a video
const find = id => document.getElementById(id);

/** What is looked at: which video and frame, and what is filtered away. */
const state = { data: null, video: null, frame: 0, score: 0, playing: null, current: null };
const hidden = { systems: new Set(), classes: new Set(), kinds: new Set() };

/** Called once, with the data of the page. */
function start(data) {
  state.data = data;
  const truth = data.videos.some(video => video.panels.some(panel => panel.truth));
  const names = truth ? ["ground truth", ...data.systems] : data.systems;
  data.videos.forEach((video, place) => find("videos").append(
    make("option", { value: place }, video.title)));
  addBoxes("systems", names.map(name => [name, name]), hidden.systems);
  addBoxes("classes", data.categories.map(own => [own.id, own.name]), hidden.classes);
  addBoxes("kinds", truth && data.systems.length ? Object.entries(KINDS) : [], hidden.kinds);
  const tracks = data.videos.flatMap(video => video.panels.flatMap(panel => panel.tracks));
  find("score").max = tracks.reduce((most, track) => Math.max(most, track.score), 1);
  find("score").min = state.score = find("score").value = data.min_score;
  for (const id of ["jumps", "errors", "errors-title"]) find(id).hidden = !truth || !data.systems.length;
  for (const level of truth ? data.levels : []) find("legend").append(
    make("span", {}, make("i", { style: `background:${level.color}` }), level.name));
  listen();
  visit();
  if (!state.video && data.videos.length) choose(data.videos[0], 0);
}

/** Checkboxes that fill `out` with what is not checked. */
function addBoxes(id, entries, out) {
  for (const [key, name] of entries) {
    const box = make("input", { type: "checkbox", "data-key": key, checked: "" });
    box.addEventListener("change", () => {
      if (box.checked) out.delete(String(key)); else out.add(String(key));
      layOut();
    });
    find(id).append(make("label", {}, box, ` ${name}`));
  }
}

function listen() {
  find("videos").addEventListener("change", event => choose(state.data.videos[event.target.value], 0));
  find("frame").addEventListener("input", event => show(Number(event.target.value)));
  find("previous").addEventListener("click", () => show(state.frame - 1));
  find("next").addEventListener("click", () => show(state.frame + 1));
  find("play").addEventListener("click", play);
  find("error-before").addEventListener("click", () => jumpToError(-1));
  find("error-after").addEventListener("click", () => jumpToError(1));
  find("labels").addEventListener("change", () => show(state.frame));
  find("score").addEventListener("input", event => {
    state.score = Number(event.target.value);
    layOut();
  });
  addEventListener("hashchange", visit);
  addEventListener("keydown", event => {
    if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
    const keys = {
      ArrowLeft: () => show(state.frame - 1), ArrowRight: () => show(state.frame + 1),
      " ": play, n: () => jumpToError(1), p: () => jumpToError(-1),
    };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
}

/** Goes where an address that ends "#video-<id>" or "#video-<id>-frame-<t>" says. */
function visit() {
  const place = location.hash.match(/^#video-(-?\d+)(?:-frame-(\d+))?$/);
  const video = place && state.data.videos.find(own => String(own.id) === place[1]);
  const frame = video ? Math.floor(Number(place[2] || 0) / video.step) : 0;
  if (video && (video !== state.video || frame !== state.frame)) choose(video, frame);
}

function choose(video, frame) {
  state.video = video;
  state.images = [];
  state.current = null;
  find("videos").value = state.data.videos.indexOf(video);
  find("frame").max = video.length - 1;
  state.frame = Math.min(frame, video.length - 1);
  layOut();
}

const panels = () => state.video.panels.filter(panel => !hidden.systems.has(panel.name));
const tracksOf = panel => panel.tracks.filter(track =>
  !hidden.classes.has(String(track.category)) && (track.score === null || track.score >= state.score));

/** Errors of the systems that are shown, in objects of the classes and of the kinds that are. */
function shownErrors() {
  const truth = state.video.panels.find(panel => panel.truth);
  return panels().flatMap(panel => panel.errors
    .filter(error => !hidden.kinds.has(error.kind))
    .filter(error => !hidden.classes.has(String(truth.tracks[error.object].category)))
    .map(error => ({ ...error, system: panel.name })))
    .sort((a, b) => a.first - b.first);
}

/** "frame 3", "frames 3 to 5". */
function when(first, last) {
  return last > first ? `frames ${numbered(first)} to ${numbered(last)}` : `frame ${numbered(first)}`;
}

/** Builds panels, timelines and the list of errors anew, then shows the frame. */
function layOut() {
  const video = state.video, errors = shownErrors();
  find("score-value").textContent = state.score.toFixed(2);
  find("panels").replaceChildren(...panels().map(panel => make("figure", { "data-system": panel.name },
    make("figcaption"), make("canvas", { width: video.width, height: video.height }))));
  find("timelines").replaceChildren(...panels().flatMap(panel => [
    make("h3", {}, panel.name),
    timeline(video.length, timelineRows(panel, errors), frame => show(frame)),
  ]));
  find("errors-title").textContent = `Errors (${errors.length})`;
  find("errors").replaceChildren(...errors.map(error => {
    const button = make("button", {}, `${when(error.first, error.last)}, ${error.system}: ${error.text}`);
    button.addEventListener("click", () => go(error));
    return make("li", { "data-kind": error.kind, "data-first": error.first }, button);
  }));
  state.errors = errors;
  show(state.frame);
}

/** A row for each track and, of a system, one for each kind of error. */
function timelineRows(panel, errors) {
  const colors = Object.fromEntries(state.data.levels.map(level => [level.id, level]));
  const tracks = panel.truth ? tracksOf(panel) : tracksOf(panel).reverse();  // the surest first
  const rows = tracks.map(track => {
    const keys = track.masks.map((mask, frame) => mask && (track.levels ? track.levels[frame] || "" : ""));
    const bars = spans(keys).map(([first, last, key]) => ({
      first, last, fill: key ? colors[key].color : track.levels ? "#969696" : track.color,
      text: `${track.label}: ${when(first, last)}${key ? ", " + colors[key].name : ""}`,
    }));
    return { label: track.label, color: track.color, bars };
  });
  for (const kind of panel.errors.length ? Object.keys(KINDS).filter(own => !hidden.kinds.has(own)) : []) {
    const bars = errors.filter(error => error.system === panel.name && error.kind === kind)
      .map(({ first, last, text }) => ({ first, last, kind, text: `${when(first, last)}: ${text}` }));
    rows.push({ label: KINDS[kind], color: "transparent", bars });
  }
  return rows;
}

/** Shows a frame, or the nearest that there is. */
function show(number) {
  const video = state.video;
  state.frame = Math.max(0, Math.min(number, video.length - 1));
  find("frame").value = state.frame;
  find("number").textContent = `frame ${numbered(state.frame)}`;
  for (const line of document.querySelectorAll(".now")) {
    line.setAttribute("x1", state.frame + 0.5);
    line.setAttribute("x2", state.frame + 0.5);
  }
  for (const item of find("errors").children) item.classList.remove("current");
  const place = state.errors.indexOf(state.current);
  if (place >= 0) find("errors").children[place].classList.add("current");
  history.replaceState(null, "", `#video-${video.id}-frame-${numbered(state.frame)}`);
  drawFrame(video, state.frame);
}

/** Draws the panels once the picture of the frame is decoded, if it is still wanted then. */
function drawFrame(video, frame) {
  const image = new Image();
  image.onload = () => {
    if (video !== state.video || frame !== state.frame) return;
    panels().forEach((panel, place) => {
      const figure = find("panels").children[place], tracks = tracksOf(panel);
      const context = figure.querySelector("canvas").getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0, video.width, video.height);
      const places = drawMasks(context, video.width, video.height, tracks, frame);
      drawErrors(context, panel, frame);
      if (find("labels").checked) drawLabels(context, places, video.width);
      figure.querySelector("figcaption").textContent =
        `${panel.name}, ${places.length} object${places.length === 1 ? "" : "s"}`;
      figure.dataset.frame = frame;
    });
  };
  image.src = video.frames[frame];
}

/** Frames the objects that are wrong in a panel, in the colour of the kind of error. */
function drawErrors(context, panel, frame) {
  const truth = state.video.panels.find(own => own.truth);
  for (const error of state.errors) {
    if (error.system !== panel.name || frame < error.first || frame > error.last) continue;
    const mask = truth.tracks[error.object].masks[frame];
    if (mask) drawBox(context, maskBox(mask, state.video.height), COLORS[error.kind]);
  }
}

function go(error) {
  state.current = error;
  show(error.first);
}

/** The next error behind the current one, or behind the frame that is shown; -1: the one before. */
function jumpToError(step) {
  const errors = state.errors, place = errors.indexOf(state.current);
  const here = place >= 0 && state.current.first === state.frame;
  const next = here ? errors[place + step]
    : step > 0 ? errors.find(error => error.first >= state.frame)
    : errors.filter(error => error.first <= state.frame).pop();
  if (next) go(next);
}

function play() {
  clearInterval(state.playing);
  state.playing = find("play").textContent === "play"
    ? setInterval(() => show((state.frame + 1) % state.video.length), 1000 / state.video.rate) : null;
  find("play").textContent = state.playing ? "stop" : "play";
}
