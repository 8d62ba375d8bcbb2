// Compiles a program of Relay's for Node, as an application's bundler does: its graphql tags become artifacts.
import { writeFileSync } from "node:fs";
import { transformFileSync } from "@babel/core";

const [source, target] = process.argv.slice(2);
const { code } = transformFileSync(source, { plugins: ["relay", "@babel/plugin-transform-modules-commonjs"] });
writeFileSync(target, code);
