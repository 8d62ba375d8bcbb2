// Judges the SDL and the operations of a directory by @graphql-eslint; prints what it has against them as JSON.
import graphql from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";

const { configs, parser } = graphql;
const [cwd] = process.argv.slice(2);
const languageOptions = {
  parser,
  parserOptions: { graphQLConfig: { schema: `${cwd}/schema.graphql`, documents: `${cwd}/operations/*.graphql` } },
};
const ofSchema = {
  ...configs["flat/schema-recommended"].rules,
  ...configs["flat/schema-relay"].rules,
  // What is no object of its own has no id to be cached by.
  "@graphql-eslint/strict-id-in-types": [
    "error",
    {
      exceptions: {
        types: ["CompletionBin", "Live", "MovieWatchTime", "PageInfo", "Stretch", "UserError"],
        suffixes: ["Connection", "Edge", "Payload", "Point"],
      },
    },
  ],
  // A batch's ids and the errors of an input come whole: they are as many as the client sent.
  "@graphql-eslint/relay-edge-types": [
    "error",
    { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
  ],
};
const ofOperations = {
  ...configs["flat/operations-recommended"].rules,
  // The page asks for what it explains; an application that caches adds the ids.
  "@graphql-eslint/require-selections": "off",
};

const eslint = new ESLint({
  cwd,
  overrideConfigFile: true,
  overrideConfig: [
    { files: ["**/*.graphql"], plugins: { "@graphql-eslint": graphql }, languageOptions },
    { files: ["schema.graphql"], rules: ofSchema },
    { files: ["operations/*.graphql"], rules: ofOperations },
  ],
});
const complaints = [];
for (const { filePath, messages } of await eslint.lintFiles(["**/*.graphql"])) {
  const file = filePath.slice(cwd.length + 1);
  complaints.push(...messages.map(({ line, message, ruleId }) => `${file}:${line} ${message} (${ruleId})`));
}
console.log(JSON.stringify(complaints));
