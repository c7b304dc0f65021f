// Buys one resource with the official client of version 1 and prints what came of it as JSON.
// Usage: PRIVATE_KEY=0x… node legacy-v1/buyer.mjs URL
import { createSigner, decodeXPaymentResponse, wrapFetchWithPayment } from "x402-fetch";
import { report, setting } from "../ts/process.mjs";
import { Conversation } from "../ts/wire.mjs";

report(async () => {
  const [url] = process.argv.slice(2);
  const conversation = new Conversation({ role: "buyer", implementation: "x402-fetch 1.2.0" });
  const signer = await createSigner("base-sepolia", setting("PRIVATE_KEY"));
  const response = await wrapFetchWithPayment(conversation.fetch(), signer)(url);
  const paid = response.headers.get("x-payment-response");
  return {
    status: response.status,
    body: await response.text(),
    receipt: paid ? decodeXPaymentResponse(paid) : null,
    messages: conversation.messages,
  };
});
