// Apollo Client: persisted queries over GET and POST, and batches. Prints what was sent and received as JSON.
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { BatchHttpLink } from "@apollo/client/link/batch-http";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { createHash } from "node:crypto";

const uri = process.argv[2];
const sent = [];
const fetch = async (address, options) => {
  sent.push({ method: options.method, document: `${address}${options.body ?? ""}`.includes("query%20") || String(options.body).includes('"query"') });
  return globalThis.fetch(address, options);
};
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const client = (link) =>
  new ApolloClient({ link, cache: new InMemoryCache(), defaultOptions: { query: { fetchPolicy: "no-cache" } } });
const persisted = (useGETForHashedQueries) =>
  client(ApolloLink.from([new PersistedQueryLink({ sha256, useGETForHashedQueries }), new HttpLink({ uri, fetch })]));

const received = {};
for (const [name, useGet] of [["post", false], ["get", true]]) {
  const query = gql(`query Movies_${name} { movies(first: 1) { totalCount } }`);
  sent.length = 0;
  const first = await persisted(useGet).query({ query });
  const second = await persisted(useGet).query({ query });
  received[name] = { requests: [...sent], data: [first.data, second.data] };
}

sent.length = 0;
const batching = client(new BatchHttpLink({ uri, fetch, batchMax: 5 }));
const answers = await Promise.all(
  Array.from({ length: 5 }, (_, n) =>
    batching.query({ query: gql(`query Batched($n: Int) { movies(first: $n) { totalCount } }`), variables: { n } }),
  ),
);
received.batch = { requests: [...sent], data: answers.map((answer) => answer.data) };

const publish = gql(`mutation ($event: EventInput!) { publishEvent(event: $event) { id userErrors { path code } } }`);
const events = [{ user: "ada", slug: "dune", at: 10 }, { user: "", slug: "dune", at: 10 }];
received.publish = [];
for (const event of events) {
  received.publish.push((await persisted(true).mutate({ mutation: publish, variables: { event } })).data.publishEvent);
}
console.log(JSON.stringify(received));
