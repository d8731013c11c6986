/* A page to label clips: digits choose classes, the answer is kept in the browser and saved as one JSON file. */
"use strict";
const given = JSON.parse(document.getElementById("labels").textContent);
const keys = Object.keys(given.labels.clips);
const store = given.store;
const state = {at: 0, clips: {}};
const $ = (id) => document.getElementById(id);

function load() {
  let kept = {};
  try { kept = JSON.parse(localStorage.getItem(store) || "{}"); } catch { kept = {}; }
  for (const key of keys) state.clips[key] = {...given.labels.clips[key], ...(kept[key] || {})};
  state.at = Math.max(0, keys.findIndex((key) => !state.clips[key].classes.length));
}

function keep() {
  const told = {};
  for (const key of keys) told[key] = {classes: state.clips[key].classes, note: state.clips[key].note};
  try { localStorage.setItem(store, JSON.stringify(told)); } catch { $("kept").textContent = "not kept by this browser: save often"; }
}

function show() {
  const key = keys[state.at], clip = state.clips[key], place = given.places[key], player = $("player");
  const source = place.src + (place.end === null ? "" : "#t=" + place.start + "," + place.end);
  if (player.dataset.key !== key) { player.dataset.key = key; player.src = source; player.play().catch(() => {}); }
  $("key").textContent = key;
  $("place").textContent = (state.at + 1) + " of " + keys.length;
  $("done").textContent = keys.filter((one) => state.clips[one].classes.length).length + " labelled";
  $("note").value = clip.note || "";
  for (const button of document.querySelectorAll("[data-class]")) {
    button.setAttribute("aria-pressed", String(clip.classes.includes(button.dataset.class)));
  }
}

function choose(name, more) {
  const clip = state.clips[keys[state.at]];
  const has = clip.classes.includes(name);
  clip.classes = more ? (has ? clip.classes.filter((one) => one !== name) : [...clip.classes, name].sort()) : [name];
  keep();
  if (more) show(); else move(1);
}

function move(steps) {
  state.at = Math.min(keys.length - 1, Math.max(0, state.at + steps));
  show();
}

function result() {
  const clips = {};
  for (const key of keys) {
    clips[key] = {...state.clips[key]};
    if (!clips[key].note) delete clips[key].note;
  }
  return {...given.labels, clips};
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(result(), null, 1) + "\n"], {type: "application/json"}));
  link.download = given.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

$("player").addEventListener("timeupdate", (event) => {
  const place = given.places[keys[state.at]], player = event.target;
  if (place.end !== null && (player.currentTime >= place.end || player.currentTime < place.start - 0.05)) {
    player.currentTime = place.start;
    player.play().catch(() => {});
  }
});
$("player").addEventListener("error", () => { $("key").textContent = keys[state.at] + ": this browser cannot play the file"; });
$("note").addEventListener("input", (event) => { state.clips[keys[state.at]].note = event.target.value; keep(); });
$("back").addEventListener("click", () => move(-1));
$("next").addEventListener("click", () => move(1));
$("save").addEventListener("click", save);
for (const button of document.querySelectorAll("[data-class]")) {
  button.addEventListener("click", (event) => choose(button.dataset.class, event.shiftKey));
}
document.addEventListener("keydown", (event) => {
  if (event.target.id === "note" || event.ctrlKey || event.metaKey || event.altKey) return;
  const digit = /^(?:Digit|Numpad)([0-6])$/.exec(event.code);
  if (digit && digit[1] === "0") { state.clips[keys[state.at]].classes = []; keep(); show(); }
  else if (digit) choose("C" + digit[1], event.shiftKey);
  else if (event.code === "ArrowLeft") move(-1);
  else if (event.code === "ArrowRight" || event.code === "Enter") move(1);
  else if (event.code === "Space") { const player = $("player"); if (player.paused) player.play(); else player.pause(); }
  else if (event.code === "KeyS") save();
  else return;
  event.preventDefault();
});
load();
show();
