// The most replayed moments of a movie, by its retention curve.

const MOST = 3;
const APART = 0.05; // of the movie: a peak is higher than everything as near as this
const LEAST = 0.15; // replays for each viewer at a peak
const LEAST_OF_HIGHEST = 0.3;

/** Return up to three parts of a movie that were watched again most often, `{start, end, replays}`, in order. */
export function mostReplayed(points) {
  if (!points.length) return [];
  const replays = points.map((point) => point.views - point.viewers);
  const least = Math.max(1, LEAST_OF_HIGHEST * Math.max(...replays));
  return replays
    .map((_, index) => index)
    .filter((index) => replays[index] >= Math.max(least, LEAST * points[index].viewers) && isPeak(replays, index))
    .sort((one, other) => replays[other] - replays[one])
    .slice(0, MOST)
    .sort((one, other) => one - other)
    .map((index) => around(points, replays, index));
}

/** Tell whether a value is the first of the highest around it. */
function isPeak(values, index) {
  const reach = Math.max(1, Math.round(APART * values.length));
  const before = values.slice(Math.max(0, index - reach), index);
  const after = values.slice(index + 1, index + 1 + reach);
  return before.every((value) => value < values[index]) && after.every((value) => value <= values[index]);
}

/** Return the part around a peak where at least three quarters of its replays are. */
function around(points, replays, peak) {
  let [first, last] = [peak, peak];
  while (first > 0 && replays[first - 1] >= 0.75 * replays[peak]) first -= 1;
  while (last < points.length - 1 && replays[last + 1] >= 0.75 * replays[peak]) last += 1;
  return { start: points[first].start, end: points[last].end, replays: replays[peak] };
}
