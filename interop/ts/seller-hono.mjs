// Sells with @x402/hono.
// Usage: FACILITATOR_URL=http://… PAY_TO=0x… node ts/seller-hono.mjs
import { getRequestListener } from "@hono/node-server";
import { paymentMiddleware, setSettlementOverrides } from "@x402/hono";
import { Hono } from "hono";
import { serve, setting } from "./process.mjs";
import { UPTO_CHARGE, resourceServer, routes } from "./routes.mjs";
import { recordFacilitatorCalls, recordHeaders } from "./wire.mjs";

const who = { role: "seller", implementation: "@x402/hono 2.27.0" };
recordFacilitatorCalls(who);
const server = await resourceServer(setting("FACILITATOR_URL"));

const app = new Hono();
app.use(paymentMiddleware(routes(setting("PAY_TO")), server));
for (const path of ["/exact", "/permit2", "/permit2-approval"]) {
  app.get(path, (context) => context.json({ sold: path }));
}
app.get("/upto", (context) => {
  setSettlementOverrides(context, UPTO_CHARGE);
  return context.json({ sold: "/upto" });
});

const listener = getRequestListener(app.fetch);
serve((request, response) => {
  recordHeaders(who, request, response);
  return listener(request, response);
});
