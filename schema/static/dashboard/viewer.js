// A viewer: what they watched, which parts of it, and what they can go on with.

import { ask } from "./api.js";
import { strip } from "./coverage.js";
import { addressOfMovie, element, link, nameOf, section } from "./dom.js";
import { duration, percent, position, timeOf } from "./format.js";
import { paged } from "./paged.js";
import { seriesSection } from "./series.js";

const PAIR = `movie { title slug durationSeconds } totalWatchTime lastMoment resumeMoment completion watchedAt coverage { start end }`;
const VIEWER = `query Viewer($username: String!) {
  userTotalWatchTime(username: $username) {
    username totalWatchTime
    watchTimes(first: 1) { totalCount }
    continueWatching(first: 6) { edges { node { ${PAIR} } } }
  }
}`;
const SERIES = `query ViewerSeries($username: String!, $from: DateTime!, $to: DateTime!, $interval: Interval!, $timeZone: String!) {
  userTotalWatchTime(username: $username) {
    watchTimeSeries(from: $from, to: $to, interval: $interval, timeZone: $timeZone) { start totalWatchTime }
  }
}`;
const WATCHED = `query ViewerWatched($username: String!, $after: String) {
  userTotalWatchTime(username: $username) {
    watchTimes(first: 20, after: $after) { pageInfo { hasNextPage endCursor } edges { node { ${PAIR} } } }
  }
}`;

/** Return the page's parts; see overview. */
export async function viewer({ guarded }, username) {
  const found = (await ask(VIEWER, { username })).userTotalWatchTime;
  if (!found) return { title: "Unknown viewer", content: element("p", {}, `Nothing is known of a viewer called ${username}.`) };
  const series = seriesSection(
    async (variables) => (await ask(SERIES, { username, ...variables })).userTotalWatchTime.watchTimeSeries,
    guarded,
  );
  return { title: username, content: element("div", {}, facts(found), continueWatching(found), series.content, watched(username, guarded)) };
}

function facts({ totalWatchTime, watchTimes }) {
  const told = [["Watched", duration(totalWatchTime)], ["Movies", watchTimes.totalCount ?? "very many"]];
  return element("dl", { class: "facts" }, told.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))));
}

function continueWatching({ continueWatching: list }) {
  if (!list.edges.length) return section("Continue watching", element("p", {}, "Nothing that was begun and not finished."));
  const cards = list.edges.map(({ node }) =>
    element(
      "li",
      {},
      link(nameOf(node.movie), addressOfMovie(node.movie)),
      element("span", { class: "amount" }, resumed(node)),
      strip(node),
    ),
  );
  return section("Continue watching", element("ul", { class: "cards" }, cards));
}

function resumed({ movie, resumeMoment }) {
  const left = movie.durationSeconds ? `, ${duration(movie.durationSeconds - resumeMoment)} left` : "";
  return `from ${position(resumeMoment)}${left}`;
}

function watched(username, guarded) {
  const columns = [
    { title: "Movie" },
    { title: "Parts watched" },
    { title: "Share", number: true },
    { title: "Watched", number: true },
    { title: "Last" },
  ];
  const rowOf = (node) => [
    link(nameOf(node.movie), addressOfMovie(node.movie)),
    strip(node),
    node.completion === null ? "–" : percent(node.completion),
    duration(node.totalWatchTime),
    timeOf(node.watchedAt),
  ];
  const read = async (after) => (await ask(WATCHED, { username, after })).userTotalWatchTime.watchTimes;
  return section("What was watched", paged(`What ${username} watched`, columns, read, rowOf, guarded));
}
