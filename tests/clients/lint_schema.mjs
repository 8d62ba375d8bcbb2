// Judges a schema by the rules that @graphql-eslint recommends, and Relay's. Prints what they find as JSON.
import graphql from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";
import { readFileSync } from "node:fs";

const schema = readFileSync(process.argv[2], "utf8");
const { rules: recommended } = graphql.configs["flat/schema-recommended"];
const { rules: relay } = graphql.configs["flat/schema-relay"];
const config = {
  files: ["**/*.graphql"],
  languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
  plugins: { "@graphql-eslint": graphql },
  rules: {
    ...recommended,
    ...relay,
    // Pages, payloads and errors are no objects of their own; Relay forbids nothing else about lists in payloads.
    "@graphql-eslint/strict-id-in-types": [
      "error",
      { exceptions: { suffixes: ["Connection", "Edge", "Payload"], types: ["PageInfo", "UserError"] } },
    ],
    "@graphql-eslint/relay-edge-types": ["error", { withEdgeSuffix: true, listTypeCanWrapOnlyEdgeType: false }],
  },
};
const eslint = new ESLint({ overrideConfigFile: true, overrideConfig: config });
const results = await eslint.lintText(schema, { filePath: "schema.graphql" });
console.log(JSON.stringify(results.flatMap((result) => result.messages)));
