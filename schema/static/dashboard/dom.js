// Elements without a template language: text is always set as text, never parsed as HTML.

/** Make an element. Properties that start with "on" are listeners, `class` and those with a hyphen are attributes. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "class" || key === "for" || key === "role" || key === "scope" || key.includes("-")) {
      made.setAttribute(key, value);
    } else made[key] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** Make an element of an SVG image. */
export function drawing(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function link(text, address) {
  return element("a", { href: address }, text);
}

export const addressOfMovie = (movie) => `#/movie/${encodeURIComponent(movie.slug)}`;
export const addressOfViewer = (viewer) => `#/viewer/${encodeURIComponent(viewer.username)}`;
export const nameOf = (movie) => movie.title || movie.slug;

/** Make a section with a heading of its own. */
export function section(title, ...children) {
  const id = `section-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return element("section", { class: "card", "aria-labelledby": id }, element("h2", { id }, title), ...children);
}

/** Make a table; `columns` are the headings, each row has as many cells. The first cell of a row names it. */
export function table(caption, columns, rows) {
  const numeric = (index) => (columns[index].number ? "number" : null);
  return element(
    "table",
    {},
    element("caption", { class: "visually-hidden" }, caption),
    element(
      "thead",
      {},
      element("tr", {}, columns.map((column, index) => element("th", { scope: "col", class: numeric(index) }, column.title))),
    ),
    element("tbody", {}, rows.map((cells) => row(cells, numeric))),
  );
}

function row(cells, numeric) {
  const made = cells.map((cell, index) =>
    index === 0 ? element("th", { scope: "row" }, cell) : element("td", { class: numeric(index) }, cell),
  );
  return element("tr", {}, made);
}

/** Let a table that is wider than the screen be scrolled, also by keyboard. */
export function scrollable(label, content) {
  return element("div", { class: "scrollable", tabIndex: 0, role: "region", "aria-label": label }, content);
}
