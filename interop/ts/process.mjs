// How the programs of this folder are started and ended.
import { createServer } from "node:http";

/** A setting from the environment. */
export function setting(name, fallback) {
  const value = process.env[name] || fallback;
  if (value === undefined) fail(`${name} is not set`);
  return value;
}

/** Ends the program with its one line of JSON. */
export function fail(reason) {
  console.log(JSON.stringify({ error: reason }));
  process.exit(1);
}

/** What an error says, with what caused it. */
export function explain(error) {
  const cause = error?.cause ? `: ${explain(error.cause)}` : "";
  return `${error?.shortMessage ?? error?.message ?? error}${cause}`;
}

/** Serves on a free port of this machine until stdin closes or SIGTERM. */
export function serve(listener) {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ ready: true, url: `http://127.0.0.1:${server.address().port}` }));
  });
  const end = () => process.exit(0);
  process.on("SIGTERM", end);
  process.stdin.on("end", end).on("close", end).resume();
}

/** Runs a buyer: prints what came of it, an error too, and always ends well. */
export async function report(buy) {
  let line;
  try {
    line = await buy();
  } catch (error) {
    line = { error: explain(error) };
  }
  process.stdout.write(`${JSON.stringify(line)}\n`, () => process.exit(0));
}
