// Buys one resource with the official client and prints what came of it as JSON.
// Usage: PRIVATE_KEY=0x… [RPC_URL=http://…] [CLIENT=fetch|axios] [SCHEMES=exact,upto] node ts/buyer.mjs URL
import { ExactEvmScheme, UptoEvmScheme, toClientEvmSigner } from "@x402/evm";
import { ExactEvmSchemeV1 } from "@x402/evm/v1";
import { wrapFetchWithPayment, x402Client, x402HTTPClient } from "@x402/fetch";
import { createPublicClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { baseSepolia } from "viem/chains";
import { report, setting } from "./process.mjs";
import { Conversation } from "./wire.mjs";

const IMPLEMENTATIONS = {
  fetch: "@x402/fetch 2.27.0",
  axios: "@x402/axios 2.11.0 on @x402/core 2.27.0",
};

report(async () => {
  const [url] = process.argv.slice(2);
  const library = setting("CLIENT", "fetch");
  const implementation = IMPLEMENTATIONS[library];
  if (!implementation) throw new Error(`CLIENT is fetch or axios, not ${library}`);
  const conversation = new Conversation({ role: "buyer", implementation });
  const client = payingClient(setting("SCHEMES", "exact,upto").split(","));

  const buy = library === "axios" ? buyWithAxios : buyWithFetch;
  const { status, header, body } = await buy(url, client, conversation);
  const paid = header("payment-response") ?? header("x-payment-response");
  const receipt = paid ? new x402HTTPClient(client).getPaymentSettleResponse(header) : null;
  return { status, body, receipt, messages: conversation.messages };
});

/** With an RPC URL the schemes sponsor the allowance, without it they cannot know of one. */
function payingClient(schemes) {
  const account = privateKeyToAccount(setting("PRIVATE_KEY"));
  const rpcUrl = process.env.RPC_URL;
  const chain = rpcUrl
    ? createPublicClient({ chain: baseSepolia, transport: http(rpcUrl) })
    : undefined;
  // A wallet with code signs with its owner's key.
  const address = process.env.WALLET || account.address;
  const signer = toClientEvmSigner({ ...account, address }, chain);
  const options = rpcUrl ? { rpcUrl } : undefined;

  const client = new x402Client();
  if (schemes.includes("exact")) {
    client.register("eip155:*", new ExactEvmScheme(signer, options));
    client.registerV1("base-sepolia", new ExactEvmSchemeV1(signer));
  }
  if (schemes.includes("upto")) client.register("eip155:*", new UptoEvmScheme(signer, options));
  return client;
}

async function buyWithFetch(url, client, conversation) {
  const response = await wrapFetchWithPayment(conversation.fetch(), client)(url);
  const header = (name) => response.headers.get(name) ?? undefined;
  return { status: response.status, header, body: await response.text() };
}

async function buyWithAxios(url, client, conversation) {
  const { default: axios } = await import("axios");
  const { wrapAxiosWithPayment } = await import("@x402/axios");
  const send = axios.getAdapter("http");
  const reader = (headers) => (name) => headers?.[name.toLowerCase()];
  const adapter = async (config) => {
    conversation.request((name) => config.headers.get(name) ?? undefined);
    const heard = (response) =>
      conversation.response(response.status, reader(response.headers), String(response.data));
    try {
      const response = await send(config);
      heard(response);
      return response;
    } catch (error) {
      if (error.response) heard(error.response);
      throw error;
    }
  };
  const api = wrapAxiosWithPayment(axios.create({ adapter, proxy: false }), client);
  const response = await api.get(url).catch((error) => {
    if (error.response) return error.response;
    throw error;
  });
  const { status, headers, data } = response;
  return { status, header: reader(headers), body: typeof data === "string" ? data : JSON.stringify(data) };
}
