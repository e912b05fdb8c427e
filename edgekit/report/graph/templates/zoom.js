"use strict";
const view = document.querySelector(".view"), svg = view.querySelector("svg"), tools = document.querySelector(".tools");
const full = { width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height };
const said = tools.querySelector("output"), find = tools.querySelector("input");
let scale = 1;

/* Zooms so that the point (x, y) of the view, in pixels, stays where it is. */
function zoom(wanted, x = view.clientWidth / 2, y = view.clientHeight / 2) {
  const before = scale, margin = Math.max(0, (view.clientWidth - full.width * before) / 2);
  const atX = (view.scrollLeft + x - margin) / before, atY = (view.scrollTop + y) / before;
  scale = Math.min(4, Math.max(0.02, wanted));
  svg.setAttribute("width", full.width * scale);
  svg.setAttribute("height", full.height * scale);
  const now = Math.max(0, (view.clientWidth - full.width * scale) / 2);
  view.scrollLeft = atX * scale + now - x;
  view.scrollTop = atY * scale - y;
  said.value = `${Math.round(scale * 100)} %`;
}
const whole = () => Math.min(view.clientWidth / full.width, (innerHeight * 0.84) / full.height);
const steps = { in: () => scale * 1.4, out: () => scale / 1.4, whole, full: () => 1 };

tools.hidden = false;
view.classList.add("drags");
tools.addEventListener("click", (event) => {
  const step = event.target.dataset.zoom;
  if (step) zoom(steps[step]());
});
view.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { "+": "in", "=": "in", "-": "out", "0": "whole", "1": "full" }[event.key];
  if (step) { event.preventDefault(); zoom(steps[step]()); }
});
view.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const place = view.getBoundingClientRect();
  zoom(scale * Math.exp(-event.deltaY / 300), event.clientX - place.left, event.clientY - place.top);
}, { passive: false });

let held = null, moved = false;
view.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || event.pointerType !== "mouse") return;
  held = { x: event.clientX + view.scrollLeft, y: event.clientY + view.scrollTop, fromX: event.clientX, fromY: event.clientY };
  moved = false;
});
addEventListener("pointermove", (event) => {
  if (!held) return;
  moved = moved || Math.hypot(event.clientX - held.fromX, event.clientY - held.fromY) > 4;
  if (!moved) return;
  view.classList.add("dragged");
  view.scrollLeft = held.x - event.clientX;
  view.scrollTop = held.y - event.clientY;
});
addEventListener("pointerup", () => { held = null; view.classList.remove("dragged"); });
view.addEventListener("click", (event) => { if (moved) { event.preventDefault(); moved = false; } });
view.addEventListener("dragstart", (event) => event.preventDefault());

find.addEventListener("input", () => {
  const wanted = find.value.trim().toLowerCase();
  let hits = 0, first = null;
  for (const box of svg.querySelectorAll(".box")) {
    const fits = box.querySelector("title").textContent.toLowerCase().includes(wanted);
    box.classList.toggle("missed", !fits);
    if (fits) { hits += 1; first = first || box; }
  }
  said.value = wanted ? `${hits} found` : "";
  if (wanted && first) first.scrollIntoView({ block: "center", inline: "center" });
});
if (full.width > view.clientWidth) zoom(Math.max(whole(), Math.min(1, view.clientWidth / full.width), 0.5));
