// Copies the few files that the page loads out of node_modules, to where Django serves static files.
const fs = require("node:fs");
const path = require("node:path");

const FILES = [
  "react/umd/react.production.min.js",
  "react-dom/umd/react-dom.production.min.js",
  "graphiql/graphiql.min.js",
  "graphiql/graphiql.min.css",
  "@graphiql/plugin-explorer/dist/index.umd.js",
  "@graphiql/plugin-explorer/dist/style.css",
];
const target = path.join(__dirname, "..", "schema", "static", "explorer", "vendor");

fs.rmSync(target, { recursive: true, force: true });
for (const file of FILES) {
  const copy = path.join(target, file);
  fs.mkdirSync(path.dirname(copy), { recursive: true });
  fs.copyFileSync(path.join(__dirname, "node_modules", file), copy);
}
