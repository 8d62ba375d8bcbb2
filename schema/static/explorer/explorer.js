"use strict";

const tabs = [
  {
    query: `# A viewer watched a movie from one moment
# to another, in seconds. Ctrl-Enter runs it.
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
  "event": { "user": "ann", "slug": "heat",
             "start": 0, "at": 407 }
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

const send = window.GraphiQL && GraphiQL.createFetcher({ url: window.location.pathname });

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
