// Watch time over time, with a choice of the window.

import { DURATIONS, chart } from "./charts.js";
import { element, section } from "./dom.js";
import { duration } from "./format.js";
import { WINDOWS, variablesOf } from "./windows.js";

/** Make the figure of a window's points. */
export function seriesChart(name, points) {
  const starts = points.map((point) => new Date(point.start));
  const values = points.map((point) => point.totalWatchTime);
  const total = values.reduce((sum, value) => sum + value, 0);
  return chart({
    title: "Watch time over time",
    places: points.map((_, index) => index),
    nameOfPlace: (index) => (starts[index] ? WINDOWS[name].label(starts[index]) : ""),
    series: [{ title: "Watched", values, color: "--first", bars: true }],
    format: duration,
    axis: DURATIONS,
    summary: `${duration(total)} in ${WINDOWS[name].words}.`,
  });
}

/**
 * Make a section that shows the series of a window; `read` gets the variables of a window and returns the points.
 * `onShow` hears of each window that is shown. The returned `refresh` shows the window again, as it is then.
 */
export function seriesSection(read, guarded, onShow = () => {}) {
  const body = element("div", { class: "series" });
  let latest = null;
  const show = (name) =>
    guarded(async () => {
      latest = name;
      onShow(name);
      const points = await read(variablesOf(name));
      if (latest === name) replace(body, seriesChart(name, points));
    });
  const content = section("Watch time over time", choice(show), body);
  show("day");
  return { content, refresh: () => show(latest) };
}

/** Show a newer chart; a table that was opened stays open. */
function replace(body, figure) {
  figure.querySelector("details").open ||= Boolean(body.querySelector("details")?.open);
  body.replaceChildren(figure);
}

function choice(show) {
  const group = `window-${Math.random().toString(36).slice(2)}`;
  const options = Object.entries(WINDOWS).map(([name, { title }]) =>
    element("label", {}, element("input", { type: "radio", name: group, value: name, checked: name === "day", onchange: () => show(name) }), element("span", {}, title)),
  );
  return element("fieldset", { class: "choice" }, element("legend", { class: "visually-hidden" }, "Window of time"), options);
}
