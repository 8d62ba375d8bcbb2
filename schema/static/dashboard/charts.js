// Charts by uPlot, each with the same numbers as a table: a canvas tells a screen reader nothing.

import { element, scrollable, table } from "./dom.js";
import { count, shortDuration } from "./format.js";

const HEIGHT = 240;
const WHOLE = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();
const HOURS = WHOLE.map((hours) => hours * 3600);
/** The axis of values that are seconds. */
export const DURATIONS = { steps: [1, 5, 10, 30, 60, 300, 600, 1800, ...HOURS], format: shortDuration };
const redraws = new Set();
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraws.forEach((redraw) => redraw()));

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * Make a figure of one or two series over the same places.
 *
 * `places` are where the values stand: numbers, or indices when `labels` names them. `series` have a `title`,
 * `values`, a `color` (a custom property of the style sheet) and `bars` when they are no line. `marks` are stretches
 * of the places to point out. `summary` says in a sentence what there is to see. `axis` has the steps of the values
 * axis and their format, where they are no plain numbers.
 */
export function chart({ title, places, nameOfPlace, series, format = count, summary, marks = [], steps, axis }) {
  const holder = element("div", { class: "chart", role: "img", "aria-label": `${title}. ${summary}` });
  const readout = element("p", { class: "readout", "aria-hidden": "true" });
  const numbers = element("details", {}, element("summary", {}, "Show as a table"));
  numbers.addEventListener("toggle", () => numbers.children.length > 1 || numbers.append(rows()));
  const rows = () =>
    scrollable(
      `${title}, as a table`,
      table(title, [{ title: "" }, ...series.map((each) => ({ title: each.title, number: true }))],
        places.map((place, index) => [nameOfPlace(place), ...series.map((each) => format(each.values[index]))])),
    );
  const figure = element("figure", {}, legend(series), holder, readout, numbers);
  if (window.uPlot && places.length) draw(holder, readout, { places, nameOfPlace, series, format, marks, steps, axis });
  else numbers.open = true;
  return figure;
}

function legend(series) {
  if (series.length < 2) return null;
  const items = series.map((each) => element("li", { class: `key ${each.color.slice(2)}` }, each.title));
  return element("ul", { class: "legend" }, items);
}

function draw(holder, readout, given) {
  let plot = null;
  const redraw = () => {
    plot?.destroy();
    plot = new window.uPlot(options(holder, readout, given), [given.places, ...given.series.map((each) => each.values)], holder);
  };
  const observer = new ResizeObserver(() => {
    if (!holder.isConnected) {
      observer.disconnect();
      redraws.delete(redraw);
      plot?.destroy();
    } else if (!plot) redraw();
    else plot.setSize({ width: holder.clientWidth, height: HEIGHT });
  });
  observer.observe(holder);
  redraws.add(redraw);
}

function options(holder, readout, { places, nameOfPlace, series, format, marks, steps, axis }) {
  const looks = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const half = (places[1] - places[0]) / 2 || 0.5;
  return {
    width: holder.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: false, range: [places[0] - half, places.at(-1) + half] }, y: { range: (_, __, highest) => [0, highest * 1.08 || 1] } },
    axes: [
      { ...looks, size: 34, grid: { show: false }, incrs: steps ?? [1, 2, 3, 5, 6, 10, 15], space: 70, values: (_, splits) => splits.map((split) => nameOf(places, split, nameOfPlace, steps)) },
      { ...looks, size: 64, incrs: axis?.steps ?? WHOLE, values: (_, splits) => splits.map((split) => (axis?.format ?? count)(split)) },
    ],
    series: [{}, ...series.map(seriesOptions)],
    hooks: { setCursor: [(plot) => tell(plot, readout, { places, nameOfPlace, series, format })], drawClear: [(plot) => drawMarks(plot, marks)] },
  };
}

/** Name a place of the axis: any number where places are numbers, a known index otherwise. */
function nameOf(places, split, nameOfPlace, steps) {
  return steps || places.includes(split) ? nameOfPlace(split) : "";
}

function seriesOptions({ title, color: name, bars }) {
  const stroke = color(name);
  if (!bars) return { label: title, stroke, width: 2, points: { show: false } };
  return { label: title, stroke, fill: stroke, width: 0, points: { show: false }, paths: window.uPlot.paths.bars({ size: [0.7, 48] }) };
}

function tell(plot, readout, { places, nameOfPlace, series, format }) {
  const index = plot.cursor.idx;
  readout.textContent =
    index === null || index === undefined
      ? ""
      : `${nameOfPlace(places[index])}: ${series.map((each) => `${format(each.values[index])} ${each.title.toLowerCase()}`).join(", ")}`;
}

function drawMarks(plot, marks) {
  plot.ctx.save();
  plot.ctx.fillStyle = color("--mark");
  for (const { start, end } of marks) {
    const [left, right] = [plot.valToPos(start, "x", true), plot.valToPos(end, "x", true)];
    plot.ctx.fillRect(left, plot.bbox.top, Math.max(2, right - left), plot.bbox.height);
  }
  plot.ctx.restore();
}
