// A movie: its curve, its most replayed moments, its series, how far people got, and who watched it.

import { ask } from "./api.js";
import { chart } from "./charts.js";
import { strip } from "./coverage.js";
import { addressOfViewer, element, link, nameOf, section } from "./dom.js";
import { count, decimal, duration, percent, position, timeOf } from "./format.js";
import { mostReplayed } from "./moments.js";
import { paged } from "./paged.js";
import { seriesSection } from "./series.js";

const MOVIE = `query Movie($slug: String!) {
  movieTotalWatchTime(slug: $slug) {
    title slug durationSeconds totalWatchTime
    watchTimes(first: 1) { totalCount }
    retention(bins: 200) { start end views viewers }
    completions { start end viewers }
  }
}`;
const SERIES = `query MovieSeries($slug: String!, $from: DateTime!, $to: DateTime!, $interval: Interval!, $timeZone: String!) {
  movieTotalWatchTime(slug: $slug) {
    watchTimeSeries(from: $from, to: $to, interval: $interval, timeZone: $timeZone) { start totalWatchTime }
  }
}`;
const VIEWERS = `query MovieViewers($slug: String!, $after: String) {
  movieTotalWatchTime(slug: $slug) {
    watchTimes(first: 20, after: $after) {
      pageInfo { hasNextPage endCursor }
      edges { node { user { username } movie { durationSeconds } totalWatchTime lastMoment completion watchedAt coverage { start end } } }
    }
  }
}`;
const STEPS = [30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14400];

/** Return the page's parts; see overview. */
export async function movie({ guarded }, slug) {
  const found = (await ask(MOVIE, { slug })).movieTotalWatchTime;
  if (!found) return { title: "Unknown movie", content: element("p", {}, `Nothing is known of a movie with the slug ${slug}.`) };
  const series = seriesSection(
    async (variables) => (await ask(SERIES, { slug, ...variables })).movieTotalWatchTime.watchTimeSeries,
    guarded,
  );
  const content = element("div", {}, facts(found), retention(found), series.content, completion(found), viewers(slug, guarded));
  return { title: nameOf(found), content };
}

function facts({ slug, durationSeconds, totalWatchTime, watchTimes }) {
  const told = [
    ["Watched", duration(totalWatchTime)],
    ["Viewers", watchTimes.totalCount === null ? "very many" : count(watchTimes.totalCount)],
    ["Length", durationSeconds ? duration(durationSeconds) : "unknown"],
    ["Slug", slug],
  ];
  return element("dl", { class: "facts" }, told.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function retention({ retention: points }) {
  if (!points.length) return section("Retention", element("p", {}, "It is not known yet which parts were watched."));
  const moments = mostReplayed(points);
  const curve = chart({
    title: "Retention",
    places: points.map((point) => (point.start + point.end) / 2),
    nameOfPlace: position,
    series: [
      { title: "Views", values: points.map((point) => point.views), color: "--first" },
      { title: "Viewers", values: points.map((point) => point.viewers), color: "--second" },
    ],
    format: decimal,
    summary: `How often, and by how many viewers, each part was watched. ${told(moments)}`,
    marks: moments,
    steps: STEPS,
  });
  return section("Retention", curve, element("h3", {}, "Most replayed moments"), listOf(moments));
}

const told = (moments) => (moments.length ? `Replayed most: ${moments.map((each) => position(each.start)).join(", ")}.` : "");

function listOf(moments) {
  if (!moments.length) return element("p", {}, "No part was watched again much more often than the others.");
  return element(
    "ul",
    { class: "moments" },
    moments.map(({ start, end, replays }) =>
      element("li", {}, `${position(start)} to ${position(end)}: watched again ${decimal(replays)} times`),
    ),
  );
}

function completion({ completions }) {
  const title = "How far viewers got";
  if (!completions.length) return section(title, element("p", {}, "The length of this movie is not known: enter it in the admin."));
  const values = completions.map((each) => each.viewers);
  const finished = values.at(-1);
  const distribution = chart({
    title,
    places: completions.map((_, index) => index),
    nameOfPlace: (index) => (completions[index] ? `${Math.round(100 * completions[index].start)}–${percent(completions[index].end)}` : ""),
    series: [{ title: "Viewers", values, color: "--second", bars: true }],
    summary: `${count(finished)} watched ${percent(completions.at(-1).start)} of it or more.`,
  });
  return section(title, element("p", { class: "note" }, "Viewers by the share of the movie that they watched"), distribution);
}

function viewers(slug, guarded) {
  const columns = [
    { title: "Viewer" },
    { title: "Parts watched" },
    { title: "Share", number: true },
    { title: "Watched", number: true },
    { title: "Last" },
  ];
  const rowOf = (node) => [
    link(node.user.username, addressOfViewer(node.user)),
    strip(node),
    node.completion === null ? "–" : percent(node.completion),
    duration(node.totalWatchTime),
    timeOf(node.watchedAt),
  ];
  const read = async (after) => (await ask(VIEWERS, { slug, after })).movieTotalWatchTime.watchTimes;
  return section("Viewers", paged("Viewers of this movie", columns, read, rowOf, guarded));
}
