// Judges a server by the GraphQL over HTTP specification; prints each check's verdict as JSON.
import { serverAudits } from "graphql-http";

const url = process.argv[2];
const verdicts = [];
for (const audit of serverAudits({ url })) {
  const { status, reason } = await audit.fn();
  verdicts.push({ id: audit.id, name: audit.name, status, reason: reason ?? null });
}
console.log(JSON.stringify(verdicts));
