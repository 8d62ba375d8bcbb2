// The live numbers: one cheap query, asked again as long as somebody looks.

import { ask } from "./api.js";
import { drawing, element } from "./dom.js";
import { count, decimal, duration } from "./format.js";
import { timeZone } from "./windows.js";

export const PAUSE = 750; // milliseconds between an answer and the next question
const LONGEST_PAUSE = 7500; // while the service does not answer
const SAMPLES = 90;
const LIVE = `query Live($timeZone: String!) {
  live(timeZone: $timeZone) { eventsPerSecond watchTimeToday viewersNow messagesWaiting deadLetters }
}`;

const TILES = [
  { name: "eventsPerSecond", title: "Events a second", format: decimal },
  { name: "watchTimeToday", title: "Watch time today", format: duration },
  { name: "viewersNow", title: "Watching now", format: count },
  { name: "messagesWaiting", title: "Messages waiting", format: count },
  { name: "deadLetters", title: "Dead letters", format: count },
];

/** Make the tiles, which are empty until `update` is called with an answer. */
export function tiles() {
  const values = {};
  const made = TILES.map(({ name, title }) => {
    values[name] = element("dd", { id: `live-${name}` }, "–");
    return element("div", { class: "tile" }, element("dt", {}, title), values[name]);
  });
  const line = drawing("polyline", { points: "" });
  const curve = drawing("svg", { viewBox: `0 0 ${SAMPLES - 1} 20`, preserveAspectRatio: "none", class: "spark", "aria-hidden": "true" }, line);
  made[0].append(curve);
  const samples = [];
  const update = (live) => {
    for (const { name, format } of TILES) {
      const text = live[name] === null ? "–" : format(live[name]);
      if (values[name].textContent !== text) values[name].textContent = text;
    }
    values.deadLetters.classList.toggle("warning", live.deadLetters > 0);
    samples.push(live.eventsPerSecond);
    if (samples.length > SAMPLES) samples.shift();
    line.setAttribute("points", pointsOf(samples));
  };
  return { content: element("dl", { class: "tiles", "aria-label": "Live" }, made), update };
}

function pointsOf(samples) {
  const highest = Math.max(1, ...samples);
  const first = SAMPLES - samples.length;
  return samples.map((sample, index) => `${first + index},${(19 - (18 * sample) / highest).toFixed(2)}`).join(" ");
}

/** Return the live numbers; null for a caller who may not read them. Throws Away and Refused. */
export async function readLive() {
  return (await ask(LIVE, { timeZone })).live;
}

/**
 * Give `update` the live numbers again and again, and `fail` each error, until the returned function is called.
 * Nothing is asked while the page is hidden, and ever less often while the service does not answer.
 */
export function follow(update, fail) {
  let timer = null;
  let pause = PAUSE;
  let stopped = false;
  const turn = async () => {
    if (stopped) return;
    if (!document.hidden) {
      try {
        const live = await readLive();
        if (stopped) return;
        pause = PAUSE;
        update(live);
      } catch (error) {
        if (stopped) return;
        pause = Math.min(2 * pause, LONGEST_PAUSE);
        fail(error);
      }
    }
    timer = setTimeout(turn, pause);
  };
  const look = () => {
    if (document.hidden) return;
    clearTimeout(timer);
    timer = setTimeout(turn, 0);
  };
  document.addEventListener("visibilitychange", look);
  turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  };
}
