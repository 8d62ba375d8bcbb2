// The search box: a combobox with a list, as the ARIA Authoring Practices have it.

import { ask } from "./api.js";
import { addressOfMovie, addressOfViewer, element, nameOf } from "./dom.js";

const SEARCH = `query Search($text: String!) {
  movies: searchMovies(text: $text, first: 6) { title slug }
  viewers: searchViewers(text: $text, first: 6) { username }
}`;
const PAUSE = 150; // milliseconds of not typing before it is asked

/** Make the form with this box and this list a search; `report` hears of errors. */
export function searchBox(form, report) {
  const box = form.querySelector("input");
  const list = form.querySelector("ul");
  const status = form.querySelector("[role=status]");
  const state = { options: [], active: -1, asked: 0, timer: null };

  const close = () => {
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    choose(-1);
  };
  const choose = (index) => {
    state.active = index;
    state.options.forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
    if (index >= 0) box.setAttribute("aria-activedescendant", state.options[index].id);
    else box.removeAttribute("aria-activedescendant");
  };
  const open = (option) => {
    window.location.hash = option.dataset.address;
    box.value = "";
    close();
  };
  const show = (found) => {
    state.options = optionsOf(found, open);
    list.replaceChildren(...state.options);
    status.textContent = state.options.length ? `${state.options.length} found` : "Nothing found";
    list.hidden = state.options.length === 0;
    box.setAttribute("aria-expanded", String(!list.hidden));
    choose(-1);
  };
  const look = async () => {
    const text = box.value.trim();
    const asked = (state.asked += 1);
    if (!text) {
      status.textContent = "";
      return close();
    }
    try {
      const found = await ask(SEARCH, { text });
      if (asked === state.asked) show(found);
    } catch (error) {
      report(error);
    }
    return undefined;
  };
  const move = (step) => {
    const number = state.options.length;
    if (number && !list.hidden) choose((state.active + step + number + (state.active < 0 && step < 0 ? 1 : 0)) % number);
  };

  box.addEventListener("input", () => {
    clearTimeout(state.timer);
    state.timer = setTimeout(look, PAUSE);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") close();
  });
  box.addEventListener("blur", () => setTimeout(close, 200));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(state.timer);
    if (state.active < 0) await look();
    const option = state.options[Math.max(0, state.active)];
    if (option && !list.hidden) open(option);
  });
}

function optionsOf({ movies, viewers }, open) {
  const entries = [
    ...movies.map((movie) => [nameOf(movie), "Movie", addressOfMovie(movie)]),
    ...viewers.map((viewer) => [viewer.username, "Viewer", addressOfViewer(viewer)]),
  ];
  return entries.map(([name, kind, address], index) => {
    const option = element("li", { id: `found-${index}`, role: "option", "aria-selected": "false" }, element("span", {}, name), element("span", { class: "kind" }, kind));
    option.dataset.address = address;
    option.addEventListener("mousedown", (event) => {
      event.preventDefault();
      open(option);
    });
    return option;
  });
}
