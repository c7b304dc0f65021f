// Buys one resource with the official client and prints what came of it as JSON.
// Usage: PRIVATE_KEY=0x… node buy.mjs URL
import { ExactEvmScheme } from "@x402/evm";
import { x402Client, x402HTTPClient, wrapFetchWithPayment } from "@x402/fetch";
import { privateKeyToAccount } from "viem/accounts";

const [url] = process.argv.slice(2);
const account = privateKeyToAccount(process.env.PRIVATE_KEY);
const client = new x402Client().register("eip155:*", new ExactEvmScheme(account));

const response = await wrapFetchWithPayment(fetch, client)(url);
const body = await response.text();
const receipt = response.ok
  ? new x402HTTPClient(client).getPaymentSettleResponse((name) => response.headers.get(name))
  : null;
console.log(JSON.stringify({ payer: account.address, status: response.status, body, receipt }));
