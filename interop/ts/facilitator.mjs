// The official facilitator, on a real node.
// Usage: PRIVATE_KEY=0x… RPC_URL=http://… node ts/facilitator.mjs
import { x402Facilitator } from "@x402/core/facilitator";
import { toFacilitatorEvmSigner } from "@x402/evm";
import { ExactEvmScheme } from "@x402/evm/exact/facilitator";
import { ExactEvmSchemeV1 } from "@x402/evm/exact/v1/facilitator";
import { UptoEvmScheme } from "@x402/evm/upto/facilitator";
import { EIP2612_GAS_SPONSORING, createErc20ApprovalGasSponsoringExtension } from "@x402/extensions";
import { createWalletClient, http, nonceManager, parseTransaction, publicActions, recoverTransactionAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { baseSepolia } from "viem/chains";
import { explain, serve, setting } from "./process.mjs";
import { receiptOf } from "./receipt.mjs";
import { record } from "./wire.mjs";

const NETWORK = "eip155:84532";
const MAX_BODY = 1 << 20;
const who = { role: "facilitator", implementation: "@x402/core 2.27.0" };

const account = privateKeyToAccount(setting("PRIVATE_KEY"), { nonceManager });
const transport = http(setting("RPC_URL"));
const client = createWalletClient({ account, chain: baseSepolia, transport }).extend(publicActions);

const signer = toFacilitatorEvmSigner({
  address: account.address,
  readContract: (call) => client.readContract({ account, ...call }),
  verifyTypedData: (data) => client.verifyTypedData(data),
  writeContract: (call) => client.writeContract(call),
  sendTransaction: (transaction) => client.sendTransaction(transaction),
  waitForTransactionReceipt: ({ hash, timeout }) => receiptOf(client, hash, timeout),
  getCode: (of) => client.getCode(of),
});

/** Sends one after the other; a signed transaction's gas is paid for first where its signer lacks it. */
async function sendTransactions(transactions) {
  const hashes = [];
  for (const transaction of transactions) {
    let hash;
    if (typeof transaction === "string") {
      const { gas, maxFeePerGas, gasPrice } = parseTransaction(transaction);
      const from = await recoverTransactionAddress({ serializedTransaction: transaction });
      const missing = gas * (maxFeePerGas ?? gasPrice) - (await client.getBalance({ address: from }));
      if (missing > 0n) await mined(await client.sendTransaction({ to: from, value: missing }));
      hash = await client.sendRawTransaction({ serializedTransaction: transaction });
    } else {
      hash = await client.sendTransaction(transaction);
    }
    hashes.push(hash);
    await mined(hash);
  }
  return hashes;
}

async function mined(hash) {
  const { status } = await receiptOf(client, hash);
  if (status !== "success") throw new Error(`transaction ${hash} failed`);
}

const facilitator = new x402Facilitator()
  .register(NETWORK, new ExactEvmScheme(signer))
  .register(NETWORK, new UptoEvmScheme(signer))
  .registerV1("base-sepolia", new ExactEvmSchemeV1(signer))
  .registerExtension(EIP2612_GAS_SPONSORING)
  .registerExtension(createErc20ApprovalGasSponsoringExtension({ ...signer, sendTransactions }));

const CALLS = { "POST /verify": "Verify", "POST /settle": "Settle", "GET /supported": "Supported" };

serve(async (request, response) => {
  const answer = (status, json) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(json));
  };
  const call = CALLS[`${request.method} ${new URL(request.url, "http://here").pathname}`];
  if (!call) return answer(404, { error: "not found" });
  try {
    if (call === "Supported") {
      const supported = facilitator.getSupported();
      record(who, "sent", "SupportedResponse", supported);
      return answer(200, supported);
    }
    const body = await read(request);
    record(who, "received", `${call}Request`, body);
    const { paymentPayload, paymentRequirements } = body;
    if (!paymentPayload || !paymentRequirements) {
      return answer(400, { error: "Missing paymentPayload or paymentRequirements" });
    }
    const outcome = await facilitator[call.toLowerCase()](paymentPayload, paymentRequirements);
    record(who, "sent", `${call}Response`, outcome);
    answer(200, outcome);
  } catch (error) {
    console.error(error);
    answer(500, { error: explain(error) });
  }
});

async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error("the request is too long");
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}
