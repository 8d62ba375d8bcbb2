// The one way to the service: its public GraphQL API, as any other client would ask it.

const ADDRESS = "/graphql/";
const PATIENCE = 15000; // milliseconds

/** The service does not answer, or answers that it cannot now. Asking again later may help. */
export class Away extends Error {}

/** The service answers that this cannot be asked, or not by this caller. */
export class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/** Return the data of an operation. Throws Away and Refused. */
export async function ask(query, variables = {}) {
  const answer = await fetched({ query, variables });
  const error = answer.errors?.[0];
  if (answer.data && !error) return answer.data;
  if (!error) throw new Away("The answer is not one of the API.");
  const code = error.extensions?.code;
  if (code === "SERVICE_UNAVAILABLE" || code === "TIMEOUT" || code === "INTERNAL_SERVER_ERROR") {
    throw new Away(error.message);
  }
  throw new Refused(error.message, code);
}

async function fetched(body) {
  try {
    const response = await fetch(ADDRESS, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...csrfToken() },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    return await response.json();
  } catch (error) {
    throw new Away(error.message);
  }
}

/** Return Django's token against requests of other sites, which the session of a person who is signed in needs. */
function csrfToken() {
  const [, token] = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/) ?? [];
  return token ? { "X-CSRFToken": token } : {};
}
