"use strict";

// A version 7 UUID (RFC 9562, section 5.7): 48 bits of milliseconds since 1970, then random bits.
function uuid7() {
  const bytes = window.crypto.getRandomValues(new Uint8Array(16));
  const now = Date.now();
  for (let index = 0; index < 6; index += 1) {
    bytes[index] = Math.floor(now / 256 ** (5 - index)) % 256;
  }
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

const tabs = [
  {
    query: `# A viewer watched a movie from one moment
# to another, in seconds. Ctrl-Enter runs it.
# Run twice with one id, it counts once.
mutation PublishEvent($event: EventInput!) {
  publishEvent(event: $event) {
    id
    userErrors {
      path
      code
      message
    }
  }
}
`,
    variables: `{
  "event": {
    "id": "${uuid7()}",
    "user": "ann", "slug": "heat",
    "start": 0, "at": 407
  }
}`,
  },
  {
    query: `# The seconds watched: by a viewer, of a movie,
# and by the viewer of the movie.
query Totals($username: String!, $slug: String!) {
  userTotalWatchTime(username: $username) {
    username
    totalWatchTime
  }
  movieTotalWatchTime(slug: $slug) {
    title
    slug
    totalWatchTime
  }
  userMovieTotalWatchTime(username: $username, movieSlug: $slug) {
    totalWatchTime
    lastMoment
  }
}
`,
    variables: `{
  "username": "ann",
  "slug": "heat"
}`,
  },
];

// Django's token against requests of other sites; the session of whoever is logged in needs it.
const [, csrfToken] = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/) ?? [];

const send = window.GraphiQL && GraphiQL.createFetcher({
  url: window.location.pathname,
  headers: csrfToken ? { "X-CSRFToken": csrfToken } : {},
});

// For a moment after a change of tab or text, GraphiQL still names the operation of before.
function sendWithoutStaleName(request, options) {
  const named = new RegExp(`\\b(query|mutation)\\s+${request.operationName}\\b`);
  return send(named.test(request.query) ? request : { ...request, operationName: undefined }, options);
}

const root = document.getElementById("graphiql");

if (window.React && window.ReactDOM && window.GraphiQL && window.GraphiQLPluginExplorer) {
  const isFirstVisit = window.localStorage.getItem("graphiql:tabState") === null;
  const page = React.createElement(GraphiQL, {
    fetcher: sendWithoutStaleName,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultTabs: tabs,
    // GraphiQL does not read them from the first of the default tabs.
    variables: isFirstVisit ? tabs[0].variables : undefined,
    defaultEditorToolsVisibility: "variables",
    isHeadersEditorEnabled: true,
  });
  ReactDOM.createRoot(root).render(page);
} else {
  root.firstElementChild.textContent =
    "GraphiQL could not be loaded. Requests to this address are answered all the same.";
}
