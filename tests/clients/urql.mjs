// Uses the API as an application with urql does; prints what it saw as JSON.
import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";

let requests = 0;
const client = new Client({
  url: process.argv[2],
  exchanges: [cacheExchange, fetchExchange],
  fetch: (...request) => {
    requests += 1;
    return fetch(...request);
  },
});
const USERS = gql`
  query Users($after: String) {
    users(first: 1, after: $after, orderBy: USERNAME_ASC) {
      edges { node { id username } }
      pageInfo { endCursor }
    }
  }
`;

const first = (await client.query(USERS, {})).data.users;
const second = (await client.query(USERS, { after: first.pageInfo.endCursor })).data.users;
await client.query(USERS, {});
const refused = (await client.query(USERS, { after: "nonsense" })).error.graphQLErrors[0].extensions.code;
const byGet = (await client.query(USERS, {}, { preferGetMethod: "force", requestPolicy: "network-only" })).data.users;

console.log(
  JSON.stringify({
    joined: [...first.edges, ...second.edges].map(({ node }) => node.username),
    same: byGet.edges[0].node.id === first.edges[0].node.id,
    refused,
    requests,
  }),
);
