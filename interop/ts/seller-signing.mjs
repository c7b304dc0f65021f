// Sells with @x402/express, and signs its offers and receipts: as typed data with the payee's key, or as
// tokens with one of Ed25519.
// Usage: FACILITATOR_URL=http://… SIGNING_KEY=0x… FORMAT=eip712|jws node ts/seller-signing.mjs
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { paymentMiddleware } from "@x402/express";
import {
  createEIP712OfferReceiptIssuer,
  createJWSOfferReceiptIssuer,
  createOfferReceiptExtension,
  declareOfferReceiptExtension,
} from "@x402/extensions/offer-receipt";
import express from "express";
import { privateKeyToAccount } from "viem/accounts";
import { serve, setting } from "./process.mjs";
import { resourceServer, routes } from "./routes.mjs";

const payee = privateKeyToAccount(setting("SIGNING_KEY"));
const issuers = { eip712: typed, jws: tokens };
const server = await resourceServer(setting("FACILITATOR_URL"));
server.registerExtension(createOfferReceiptExtension(issuers[setting("FORMAT")]()));

const route = routes(payee.address)["GET /exact"];
const signing = { ...route, extensions: declareOfferReceiptExtension() };
const app = express();
app.use(paymentMiddleware({ "GET /exact": signing }, server));
app.get("/exact", (_, response) => response.json({ sold: "/exact" }));
serve(app);

function typed() {
  return createEIP712OfferReceiptIssuer(`did:pkh:eip155:1:${payee.address}`, (data) => payee.signTypedData(data));
}

/** The same bytes are the seed of a key of Ed25519, in the one form in which node reads it. */
function tokens() {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const seed = Buffer.from(setting("SIGNING_KEY").slice(2), "hex");
  const key = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: "der", type: "pkcs8" });
  const kid = `did:jwk:${Buffer.from(JSON.stringify(createPublicKey(key).export({ format: "jwk" }))).toString("base64url")}`;
  const signed = async (input) => sign(null, input, key).toString("base64url");
  return createJWSOfferReceiptIssuer(kid, { kid, format: "jws", algorithm: "EdDSA", sign: signed });
}
