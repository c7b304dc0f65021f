// Sells with version 1's middleware.
// Usage: FACILITATOR_URL=http://… PAY_TO=0x… node legacy-v1/seller-express.mjs
import express from "express";
import { paymentMiddleware } from "x402-express";
import { serve, setting } from "../ts/process.mjs";
import { record, recordFacilitatorCalls, recordHeaders } from "../ts/wire.mjs";

const who = { role: "seller", implementation: "x402-express 1.2.0" };
recordFacilitatorCalls(who);

const routes = {
  "GET /exact": {
    price: "$0.01",
    network: "base-sepolia",
    config: { description: "EIP-3009", mimeType: "application/json" },
  },
};

const app = express();
app.use((request, response, next) => {
  recordHeaders(who, request, response);
  const json = response.json;
  response.json = function (body) {
    if (response.statusCode === 402) record(who, "sent", "PaymentRequired", body);
    return json.call(this, body);
  };
  next();
});
app.use(paymentMiddleware(setting("PAY_TO"), routes, { url: setting("FACILITATOR_URL") }));
app.get("/exact", (_, response) => response.json({ sold: "/exact" }));
serve(app);
