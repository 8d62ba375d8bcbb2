// urql: persisted queries over GET and POST. Prints what was sent and received as JSON.
import { Client, fetchExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";

const url = process.argv[2];
const received = {};
for (const [name, preferGetForPersistedQueries] of [["post", false], ["get", "force"]]) {
  const methods = [];
  const fetch = (address, options) => {
    methods.push(options.method);
    return globalThis.fetch(address, options);
  };
  const client = new Client({
    url,
    fetch,
    preferGetMethod: false,
    exchanges: [persistedExchange({ preferGetForPersistedQueries, enableForMutation: true }), fetchExchange],
  });
  const query = `query Users_${name} { users(first: 1) { totalCount } }`;
  const ask = () => client.query(query, {}, { requestPolicy: "network-only" }).toPromise();
  const results = [await ask(), await ask()];
  const publish = `mutation M_${name}($event: EventInput!) { publishEvent(event: $event) { id userErrors { code } } }`;
  const published = await client.mutation(publish, { event: { user: "ada", slug: "dune", at: 5 } }).toPromise();
  received[name] = {
    methods,
    data: results.map((result) => result.data ?? String(result.error)),
    published: published.data?.publishEvent ?? String(published.error),
  };
}
console.log(JSON.stringify(received));
