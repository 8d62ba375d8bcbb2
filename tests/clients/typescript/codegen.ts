// A player that reports and reads with the types that graphql-codegen makes.
import { Client, cacheExchange, fetchExchange } from "@urql/core";
import { graphql } from "./generated";
import type { EventInput, Movie, UserErrorCode } from "./generated/schema";

const PUBLISH = graphql(`
  mutation Publish($event: EventInput!) {
    publishEvent(event: $event) { id userErrors { code path message } }
  }
`);
const TOP = graphql(`
  query Top($after: String) {
    movies(first: 10, after: $after) {
      edges { node { id slug totalWatchTime } }
      pageInfo { hasNextPage endCursor }
    }
  }
`);
const client = new Client({ url: "/graphql/", exchanges: [cacheExchange, fetchExchange] });

export async function report(event: EventInput): Promise<string[]> {
  const { data } = await client.mutation(PUBLISH, { event });
  return data ? data.publishEvent.userErrors.map(({ message }) => message) : [];
}

export async function secondsOfTopTen(): Promise<number> {
  const { data } = await client.query(TOP, {});
  return data?.movies.edges.reduce((sum, { node }) => sum + node.totalWatchTime, 0) ?? 0;
}

export const slugOf = (movie: Movie): string => movie.slug;
export const event: EventInput = { user: "ann", slug: "heat", at: 407, occurredAt: "2026-01-31T20:15:00+01:00" };
// @ts-expect-error: a moment is a number
export const late: EventInput = { user: "ann", slug: "heat", at: "407" };
// @ts-expect-error: the movie is missing
export const lost: EventInput = { user: "ann", at: 407 };
// @ts-expect-error: there is no such code
export const code: UserErrorCode = "NOT_A_CODE";
