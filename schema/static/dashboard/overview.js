// The first page: what is watched now, over time, and most.

import { ask } from "./api.js";
import { addressOfMovie, addressOfViewer, element, link, nameOf, section } from "./dom.js";
import { duration } from "./format.js";
import { follow, readLive, tiles } from "./live.js";
import { seriesSection } from "./series.js";
import { WINDOWS, variablesOf } from "./windows.js";

const REFRESH = 60000; // milliseconds between two looks at what does not change every second
const ANYTHING = `{ movies(first: 1) { edges { node { id } } } }`;
const SERIES = `query Series($from: DateTime!, $to: DateTime!, $interval: Interval!, $timeZone: String!) {
  watchTimeSeries(from: $from, to: $to, interval: $interval, timeZone: $timeZone) { start totalWatchTime }
}`;
const TOP_MOVIES = `query TopMovies($from: DateTime!, $to: DateTime!) {
  topMovies(from: $from, to: $to, first: 10) { totalWatchTime movie { title slug } }
}`;
const TOP_VIEWERS = `{ users(first: 10) { edges { node { username totalWatchTime } } } }`;

/** Return the page's parts: a title, its content, and a function that ends what goes on in it. */
export async function overview({ guarded, report, settle }) {
  const live = await readLive();
  if (live === null) return { title: "Watch time", content: copyOf("no-access") };
  const isEmpty = (await ask(ANYTHING)).movies.edges.length === 0;
  return isEmpty ? emptyState({ report, settle }) : filled(live, { guarded, report, settle });
}

const showAgain = () => window.dispatchEvent(new HashChangeEvent("hashchange"));

function copyOf(template) {
  return document.getElementById(template).content.cloneNode(true);
}

/** Show what to do next, and the page itself as soon as there is something to see. */
function emptyState({ report, settle }) {
  const content = element("div", {}, copyOf("nothing-yet"));
  for (const place of content.querySelectorAll(".origin")) place.textContent = window.location.origin;
  const look = async () => {
    settle();
    if ((await ask(ANYTHING)).movies.edges.length) showAgain();
  };
  return { title: "Nothing watched yet", content, stop: follow(() => look().catch(report), report) };
}

function filled(live, { guarded, report, settle }) {
  const { content: numbers, update } = tiles();
  update(live);
  const movies = ranking("Top movies");
  const viewers = ranking("Top viewers");
  viewers.content.hidden = true;
  const series = seriesSection(
    async (variables) => (await ask(SERIES, variables)).watchTimeSeries,
    guarded,
    (name) => guarded(() => showTopMovies(movies, name)),
  );
  guarded(() => showTopViewers(viewers));
  const refresh = setInterval(() => {
    if (document.hidden) return;
    series.refresh();
    guarded(() => showTopViewers(viewers));
  }, REFRESH);
  const content = element("div", {}, numbers, series.content, element("div", { class: "columns" }, movies.content, viewers.content));
  const stop = follow((now) => {
    settle();
    if (now) update(now);
    else showAgain(); // the session has ended
  }, report);
  return { title: "Watch time", content, stop: () => (clearInterval(refresh), stop()) };
}

function ranking(title) {
  const body = element("div", {});
  const note = element("p", { class: "note" });
  return { body, note, content: section(title, note, body) };
}

async function showTopMovies({ body, note }, name) {
  const { from, to } = variablesOf(name);
  body.dataset.window = name;
  const { topMovies } = await ask(TOP_MOVIES, { from, to });
  if (body.dataset.window !== name) return; // another one was chosen meanwhile
  note.textContent = `Most watched in ${WINDOWS[name].words}`;
  body.replaceChildren(bars(topMovies.map(({ movie, totalWatchTime }) => [link(nameOf(movie), addressOfMovie(movie)), totalWatchTime])));
}

async function showTopViewers({ body, note, content }) {
  const { users } = await ask(TOP_VIEWERS);
  note.textContent = "Most watched of all time";
  body.replaceChildren(bars(users.edges.map(({ node }) => [link(node.username, addressOfViewer(node)), node.totalWatchTime])));
  content.hidden = users.edges.length === 0;
}

/** Make an ordered list with a bar for each number. */
function bars(entries) {
  if (!entries.length) return element("p", {}, "Nothing watched in it.");
  const most = Math.max(1, ...entries.map(([, seconds]) => seconds));
  const items = entries.map(([name, seconds]) => {
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${(100 * seconds) / most}%`;
    return element("li", {}, element("span", { class: "entry" }, name, element("span", { class: "amount" }, duration(seconds))), bar);
  });
  return element("ol", { class: "bars" }, items);
}
