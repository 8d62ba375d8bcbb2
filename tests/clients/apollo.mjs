// Uses the API as an application with Apollo Client does; prints what it saw as JSON.
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";

const client = new ApolloClient({
  link: new HttpLink({ uri: process.argv[2] }),
  cache: new InMemoryCache({
    possibleTypes: { Node: ["User", "Movie", "WatchTime", "Event"] },
    typePolicies: { Query: { fields: { users: relayStylePagination(["orderBy"]) } } },
  }),
});
const USERS = gql`
  query Users($after: String) {
    users(first: 1, after: $after, orderBy: USERNAME_ASC) {
      edges { cursor node { id username totalWatchTime } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`;
const USER = gql`
  query Again($id: ID!) {
    node(id: $id) { id ... on User { username totalWatchTime } }
  }
`;

const pages = client.watchQuery({ query: USERS });
pages.subscribe(() => {});
const first = (await pages.refetch()).data.users;
await pages.fetchMore({ variables: { after: first.pageInfo.endCursor } });
const joined = client.readQuery({ query: USERS }).users.edges.map(({ node }) => node.username);

const { id, username } = first.edges[0].node;
const again = (await client.query({ query: USER, variables: { id } })).data.node;
const cached = client.cache.extract()[`User:${id}`];

const refused = await client
  .query({ query: USERS, variables: { after: "nonsense" }, fetchPolicy: "network-only" })
  .catch((error) => CombinedGraphQLErrors.is(error) && error.errors[0].extensions.code);

console.log(
  JSON.stringify({ joined, same: again.username === username && cached.username === username, refused }),
);
client.stop();
