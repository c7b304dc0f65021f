// express 5.2.1 with `@x402/express`, `@x402/evm` and `@x402/core` 2.27.0.

import express from "express";
import { HTTPFacilitatorClient } from "@x402/core/server"; // paid
import { ExactEvmScheme } from "@x402/evm/exact/server"; // paid
import { paymentMiddleware, x402ResourceServer } from "@x402/express"; // paid

const app = express();

const facilitator = new HTTPFacilitatorClient({ url: "https://x402.org/facilitator" }); // paid
const x402 = new x402ResourceServer(facilitator).register("eip155:84532", new ExactEvmScheme()); // paid
const payTo = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"; // paid
const accepts = { scheme: "exact", price: "$0.001", network: "eip155:84532", payTo }; // paid
app.use(paymentMiddleware({ "GET /weather": { accepts, description: "Weather right now" } }, x402)); // paid

app.get("/weather", (req, res) => res.json({ weather: "sunny", celsius: 21 }));
app.listen(4021);
