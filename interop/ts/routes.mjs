// What the official sellers sell, and the server that sells it.
import { HTTPFacilitatorClient, x402ResourceServer } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { UptoEvmScheme } from "@x402/evm/upto/server";
import {
  declareEip2612GasSponsoringExtension,
  declareErc20ApprovalGasSponsoringExtension,
} from "@x402/extensions";
import { fail, explain } from "./process.mjs";

export const NETWORK = "eip155:84532";
const USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";

/** The routes, by the amount that the handler of the metered one charges. */
export const UPTO_CHARGE = { amount: "$0.005" };

export function routes(payTo) {
  const offer = (scheme, price, extra) => ({ scheme, network: NETWORK, payTo, price, extra });
  return {
    "GET /exact": {
      accepts: offer("exact", "$0.01"),
      description: "EIP-3009",
      mimeType: "application/json",
    },
    "GET /permit2": {
      accepts: offer("exact", "$0.01", { assetTransferMethod: "permit2" }),
      description: "Permit2, its allowance by an EIP-2612 permit",
      mimeType: "application/json",
      extensions: declareEip2612GasSponsoringExtension(),
    },
    // Without name and version a buyer cannot sign an EIP-2612 permit.
    "GET /permit2-approval": {
      accepts: offer("exact", { amount: "10000", asset: USDC, extra: { assetTransferMethod: "permit2" } }),
      description: "Permit2, its allowance by a signed approval",
      mimeType: "application/json",
      extensions: declareErc20ApprovalGasSponsoringExtension(),
    },
    "GET /upto": {
      accepts: offer("upto", "$0.02"),
      description: "At most two cents",
      mimeType: "application/json",
      extensions: declareEip2612GasSponsoringExtension(),
    },
  };
}

/** A server that has read what its facilitator supports. Before that, 2.27 answers 500. */
export async function resourceServer(facilitatorUrl) {
  const server = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitatorUrl }))
    .register(NETWORK, new ExactEvmScheme())
    .register(NETWORK, new UptoEvmScheme());
  try {
    await server.initialize();
  } catch (error) {
    fail(`the facilitator at ${facilitatorUrl} cannot be used: ${explain(error)}`);
  }
  return server;
}
