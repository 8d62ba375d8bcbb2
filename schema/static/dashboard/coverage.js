// Which parts of a movie were watched, as a strip.

import { drawing, element } from "./dom.js";
import { percent, position } from "./format.js";

/** Make the strip of a watch time: its coverage along the whole movie, and where it was left. */
export function strip(watchTime) {
  const length = watchTime.movie.durationSeconds ?? Math.max(1, watchTime.lastMoment);
  const rectangles = watchTime.coverage.map(({ start, end }) =>
    drawing("rect", { x: start, y: 0, width: Math.min(end, length) - start, height: 10 }),
  );
  const image = drawing(
    "svg",
    { viewBox: `0 0 ${length} 10`, preserveAspectRatio: "none", role: "img", "aria-label": described(watchTime, length), class: "strip" },
    ...rectangles,
  );
  return element("span", { class: "strip-holder" }, image);
}

function described({ coverage, completion }, length) {
  if (!coverage.length) return "It is not known which parts were watched";
  const parts = coverage.slice(0, 5).map(({ start, end }) => `${position(start)} to ${position(end)}`);
  const more = coverage.length > parts.length ? ` and ${coverage.length - parts.length} more parts` : "";
  const share = completion === null ? "" : `, ${percent(completion)}`;
  return `Watched ${parts.join(", ")}${more} of ${position(length)}${share}`;
}
