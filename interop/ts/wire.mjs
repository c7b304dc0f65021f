// Writes down the messages that cross the wire, as they were sent and not as an SDK reads them.
//
// Each line of the file that X402_RECORD names is one message: role and implementation say who
// wrote it down, direction whether that one sent or received it.
import { appendFileSync } from "node:fs";

const file = process.env.X402_RECORD;

/** Appends one message. Messages of version 1 get names of their own. */
export function record(who, direction, message, json) {
  if (!file || json === undefined) return;
  const versioned = json?.x402Version === 1 && !message.startsWith("Supported");
  const name = versioned ? `${message}V1` : message;
  appendFileSync(file, `${JSON.stringify({ ...who, direction, message: name, json })}\n`);
}

/** The JSON of a header, undefined where there is none. */
export function decode(header) {
  if (!header) return undefined;
  try {
    return JSON.parse(Buffer.from(header, "base64").toString("utf8"));
  } catch {
    return { undecodable: String(header) };
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Collects what a buyer sends and gets: the offer, its payment, and the receipt or a second 402. */
export class Conversation {
  constructor(who) {
    this.who = who;
    this.messages = { required: null, payload: null, response: null, refusal: null };
  }

  request(header) {
    const payload = decode(header("payment-signature") ?? header("x-payment"));
    if (payload === undefined) return;
    this.messages.payload = payload;
    record(this.who, "sent", "PaymentPayload", payload);
  }

  response(status, header, body) {
    let required = decode(header("payment-required"));
    if (required === undefined && status === 402) {
      const json = parse(body);
      if (json?.x402Version === 1) required = json;
    }
    if (required !== undefined) {
      this.messages[this.messages.payload ? "refusal" : "required"] = required;
      record(this.who, "received", "PaymentRequired", required);
    }
    const settled = decode(header("payment-response") ?? header("x-payment-response"));
    if (settled !== undefined) {
      this.messages.response = settled;
      record(this.who, "received", "SettleResponse", settled);
    }
  }

  /** A fetch that listens. */
  fetch() {
    return async (input, init) => {
      const request = new Request(input, init);
      this.request((name) => request.headers.get(name) ?? undefined);
      const response = await fetch(request);
      const body = response.status === 402 ? await response.clone().text() : "";
      this.response(response.status, (name) => response.headers.get(name) ?? undefined, body);
      return response;
    };
  }
}

const CALLS = { verify: "Verify", settle: "Settle" };

/** Writes down what this process says to its facilitator, by listening to every fetch. */
export function recordFacilitatorCalls(who) {
  if (!file) return;
  const plain = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const call = new URL(input?.url ?? input).pathname.split("/").pop();
    if (CALLS[call] && typeof init?.body === "string") {
      record(who, "sent", `${CALLS[call]}Request`, parse(init.body));
    }
    const response = await plain(input, init);
    if (CALLS[call] || call === "supported") {
      const json = parse(await response.clone().text());
      record(who, "received", `${CALLS[call] ?? "Supported"}Response`, json);
    }
    return response;
  };
}

/** Writes down what a seller reads from and writes into headers. */
export function recordHeaders(who, request, response) {
  const { headers } = request;
  record(who, "received", "PaymentPayload", decode(headers["payment-signature"] ?? headers["x-payment"]));
  const writeHead = response.writeHead;
  response.writeHead = function (status, ...rest) {
    const sent = new Map(Object.entries(response.getHeaders()));
    const last = rest.at(-1);
    const given = Array.isArray(last) ? pairs(last) : Object.entries(last ?? {});
    for (const [name, value] of given) sent.set(name.toLowerCase(), value);
    record(who, "sent", "PaymentRequired", decode(sent.get("payment-required")));
    record(who, "sent", "SettleResponse", decode(sent.get("payment-response") ?? sent.get("x-payment-response")));
    return writeHead.call(this, status, ...rest);
  };
}

function pairs(flat) {
  if (Array.isArray(flat[0])) return flat;
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
}
