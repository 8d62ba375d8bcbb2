// A list that the API gives a page at a time.

import { element, scrollable, table } from "./dom.js";

/**
 * Make a table of a connection. `read` returns the page behind a cursor, `rowOf` the cells of a node.
 * A button reads the next page, as long as there is one.
 */
export function paged(caption, columns, read, rowOf, guarded) {
  const made = table(caption, columns, []);
  const body = made.querySelector("tbody");
  const more = element("button", { type: "button", hidden: true }, "Show more");
  let after = null;
  const next = () =>
    guarded(async () => {
      const { edges, pageInfo } = await read(after);
      const rows = table(caption, columns, edges.map(({ node }) => rowOf(node)));
      const first = rows.querySelector("tbody tr");
      body.append(...rows.querySelectorAll("tbody tr"));
      if (after !== null) first?.querySelector("a")?.focus();
      after = pageInfo.endCursor;
      more.hidden = !pageInfo.hasNextPage;
      empty.hidden = body.children.length > 0;
    });
  const empty = element("p", { hidden: true }, "Nobody whom you may see.");
  more.addEventListener("click", next);
  next();
  return element("div", {}, scrollable(caption, made), empty, more);
}
