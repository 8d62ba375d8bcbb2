// A list that loads page after page, and a movie that is read again by its id, as a component of Relay's has them.
import { graphql } from "relay-runtime";
import type { movies_list$data } from "./__generated__/movies_list.graphql";
import type { moviesPageQuery$variables } from "./__generated__/moviesPageQuery.graphql";

export const LIST = graphql`
  fragment movies_list on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" })
  @refetchable(queryName: "moviesPageQuery") {
    movies(first: $count, after: $cursor, orderBy: TOTAL_WATCH_TIME_DESC) @connection(key: "list_movies") {
      edges { node { slug totalWatchTime ...movies_movie } }
    }
  }
`;
export const MOVIE = graphql`
  fragment movies_movie on Movie @refetchable(queryName: "moviesAgainQuery") {
    title
    watchTimes(first: 3) { edges { node { lastMoment user { username } } } }
  }
`;
export const ALL = graphql`
  query moviesQuery { ...movies_list }
`;

export const seconds = ({ movies }: movies_list$data): number =>
  movies.edges.reduce((sum, { node }) => sum + node.totalWatchTime, 0);
export const nextPage = (cursor: string): moviesPageQuery$variables => ({ count: 10, cursor });
// @ts-expect-error: a cursor is a string
export const wrong: moviesPageQuery$variables = { cursor: 10 };
