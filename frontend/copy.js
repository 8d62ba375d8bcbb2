// Copies the few files that the pages load out of node_modules, to where Django serves static files.
const fs = require("node:fs");
const path = require("node:path");

const FILES = {
  explorer: [
    "react/umd/react.production.min.js",
    "react-dom/umd/react-dom.production.min.js",
    "graphiql/graphiql.min.js",
    "graphiql/graphiql.min.css",
    "@graphiql/plugin-explorer/dist/index.umd.js",
    "@graphiql/plugin-explorer/dist/style.css",
  ],
  dashboard: ["uplot/dist/uPlot.iife.min.js", "uplot/dist/uPlot.min.css"],
};

for (const [page, files] of Object.entries(FILES)) {
  const target = path.join(__dirname, "..", "schema", "static", page, "vendor");
  fs.rmSync(target, { recursive: true, force: true });
  for (const file of files) {
    const copy = path.join(target, file);
    fs.mkdirSync(path.dirname(copy), { recursive: true });
    fs.copyFileSync(path.join(__dirname, "node_modules", file), copy);
  }
}
