// What the official packages read of the extensions that our seller and our facilitator write.
// Usage: PRIVATE_KEY=0x… node extensions.mjs buy URL       verifies the offers, buys, verifies the receipt
//        node extensions.mjs codes CALLDATA                the builder codes behind a settlement's calldata
import { ExactEvmScheme } from "@x402/evm";
import { BuilderCodeClientExtension, parseBuilderCodeSuffixFromCalldata } from "@x402/extensions/builder-code";
import * as signed from "@x402/extensions/offer-receipt";
import { x402Client, x402HTTPClient, wrapFetchWithPayment } from "@x402/fetch";
import { privateKeyToAccount } from "viem/accounts";

const [command, argument] = process.argv.slice(2);
const commands = { buy, codes: async (calldata) => parseBuilderCodeSuffixFromCalldata(calldata) ?? null };
console.log(JSON.stringify(await commands[command](argument)));

async function buy(url) {
  const account = privateKeyToAccount(process.env.PRIVATE_KEY);
  const client = new x402Client().register("eip155:*", new ExactEvmScheme(account));
  client.registerExtension(new BuilderCodeClientExtension(["interop_client"]));
  const http = new x402HTTPClient(client);

  const refused = await fetch(url);
  const required = http.getPaymentRequiredResponse((name) => refused.headers.get(name), await refused.json());
  const offers = [];
  for (const offer of signed.extractOffersFromPaymentRequired(required)) {
    const entry = signed.findAcceptsObjectFromSignedOffer(offer, required.accepts);
    offers.push({ ...(await verified(offer, "Offer")), entry: required.accepts.indexOf(entry) });
  }

  const response = await wrapFetchWithPayment(fetch, client)(url);
  const receipt = signed.extractReceiptFromResponse(response);
  const settled = http.getPaymentSettleResponse((name) => response.headers.get(name));
  return {
    status: response.status,
    body: await response.text(),
    offers,
    receipt: await verified(receipt, "Receipt"),
    matches: signed.verifyReceiptMatchesOffer(receipt, offers[0].payload, [account.address]),
    transaction: settled.transaction,
  };
}

/** What was signed, and by whom: an account, or a key that its own identifier holds. */
async function verified(artifact, kind) {
  if (artifact.format === "eip712") return signed[`verify${kind}SignatureEIP712`](artifact);
  const payload = await signed[`verify${kind}SignatureJWS`](artifact);
  return { signer: signed.extractJWSHeader(artifact.signature).kid, payload };
}
