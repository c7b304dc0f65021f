// Sells with @x402/express.
// Usage: FACILITATOR_URL=http://… PAY_TO=0x… node ts/seller-express.mjs
import { paymentMiddleware, setSettlementOverrides } from "@x402/express";
import express from "express";
import { serve, setting } from "./process.mjs";
import { UPTO_CHARGE, resourceServer, routes } from "./routes.mjs";
import { recordFacilitatorCalls, recordHeaders } from "./wire.mjs";

const who = { role: "seller", implementation: "@x402/express 2.27.0" };
recordFacilitatorCalls(who);
const server = await resourceServer(setting("FACILITATOR_URL"));

const app = express();
app.use((request, response, next) => {
  recordHeaders(who, request, response);
  next();
});
app.use(paymentMiddleware(routes(setting("PAY_TO")), server));
for (const path of ["/exact", "/permit2", "/permit2-approval"]) {
  app.get(path, (_, response) => response.json({ sold: path }));
}
app.get("/upto", (_, response) => {
  setSettlementOverrides(response, UPTO_CHARGE);
  response.json({ sold: "/upto" });
});
serve(app);
