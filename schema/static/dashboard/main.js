// Which page is shown, by the address behind the #, and what is said when the service does not answer.

import { Away, Refused } from "./api.js";
import { movie } from "./movie.js";
import { overview } from "./overview.js";
import { searchBox } from "./search.js";
import { viewer } from "./viewer.js";

const main = document.querySelector("main");
const heading = document.getElementById("page-title");
const body = document.getElementById("page-body");
const notice = document.getElementById("notice");
const RETRY = 3000; // milliseconds

let stop = null;
let shown = 0; // how many pages were shown, so that a late answer finds its page gone
let retry = null;

function report(error) {
  notice.hidden = false;
  notice.textContent =
    error instanceof Away
      ? "The service does not answer. What you see may be old; this page tries again by itself."
      : `Something on this page cannot be shown: ${error.message}`;
  if (!(error instanceof Away || error instanceof Refused)) window.reportError(error); // a fault of this page
}

function settle() {
  if (!notice.hidden) notice.hidden = true;
}

/** Do something that may fail because the service is away, and say so if it does. */
async function guarded(work) {
  try {
    await work();
  } catch (error) {
    report(error);
  }
}

function pageOf(address) {
  const [kind, name] = address.replace(/^#?\/?/, "").split("/", 2);
  if (kind === "movie" && name) return (tools) => movie(tools, decodeURIComponent(name));
  if (kind === "viewer" && name) return (tools) => viewer(tools, decodeURIComponent(name));
  return overview;
}

async function show() {
  shown += 1;
  const number = shown;
  clearTimeout(retry);
  stop?.();
  stop = null;
  main.setAttribute("aria-busy", "true");
  try {
    const page = await pageOf(window.location.hash)({ guarded, report, settle });
    if (number !== shown) return page.stop?.();
    stop = page.stop ?? null;
    settle();
    put(page, number > 1);
  } catch (error) {
    if (number !== shown) return undefined;
    report(error);
    if (error instanceof Away) retry = setTimeout(show, RETRY);
  } finally {
    if (number === shown) main.removeAttribute("aria-busy");
  }
  return undefined;
}

function put({ title, content }, takesFocus) {
  document.title = title === "Watch time" ? title : `${title} – Watch time`;
  heading.textContent = title;
  body.replaceChildren(content);
  if (takesFocus) {
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address behind the # is that of a page
  heading.focus();
});
searchBox(document.getElementById("search"), report);
window.addEventListener("hashchange", show);
show();
