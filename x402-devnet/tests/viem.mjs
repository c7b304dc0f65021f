// Everything that an application does with viem, against the chain at the URL given first, as the
// account whose key is given second.

import assert from "node:assert/strict";
import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createTestClient,
  createWalletClient,
  http,
  parseAbi,
  parseEther,
  parseSignature,
  publicActions,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { baseSepolia } from "viem/chains";

const [url, key] = process.argv.slice(2);
const account = privateKeyToAccount(key);
const address = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const payee = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
const abi = parseAbi([
  "function mint(address to, uint256 amount) returns (bool)",
  "function balanceOf(address account) view returns (uint256)",
  "function name() view returns (string)",
  "function version() view returns (string)",
  "function transfer(address to, uint256 value) returns (bool)",
  "function authorizationState(address authorizer, bytes32 nonce) view returns (bool)",
  "function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
]);
const transport = http(url, { batch: true });
const chain = baseSepolia;
const reader = createPublicClient({ chain, transport, pollingInterval: 50 });
const writer = createWalletClient({ account, chain, transport });
const tester = createTestClient({ mode: "anvil", chain, transport }).extend(publicActions);
const token = { address, abi };
const wait = (hash) => reader.waitForTransactionReceipt({ hash, timeout: 10_000 });

assert.equal(await reader.getChainId(), 84532);
const genesis = await reader.getBlock({ blockNumber: 0n });
assert.equal(genesis.number, 0n);
assert.equal(genesis.transactions.length, 0);
assert.ok((await reader.getBlock()).timestamp <= BigInt(Math.ceil(Date.now() / 1000)));
assert.ok((await reader.getBlock({ blockTag: "pending" })).number > 0n);

// Ether
const stranger = privateKeyToAccount(generatePrivateKey());
const gift = await wait(await writer.sendTransaction({ to: stranger.address, value: parseEther("1") }));
assert.equal(gift.status, "success");
assert.equal(gift.type, "eip1559");
assert.equal(await reader.getBalance({ address: stranger.address }), parseEther("1"));
const legacy = await wait(
  await writer.sendTransaction({ to: stranger.address, value: 1n, type: "legacy" }),
);
assert.equal(legacy.type, "legacy");

// Contracts
const { request, result } = await reader.simulateContract({
  ...token,
  functionName: "mint",
  args: [account.address, 1_000_000n],
  account,
});
assert.equal(result, true);
const minted = await wait(await writer.writeContract(request));
assert.equal(minted.status, "success");
assert.equal(minted.logs.length, 1);
const balance = (of) => reader.readContract({ ...token, functionName: "balanceOf", args: [of] });
assert.equal(await balance(account.address), 1_000_000n);
const mined = await reader.getBlock({ blockNumber: minted.blockNumber, includeTransactions: true });
assert.equal(mined.transactions[0].hash, minted.transactionHash);
assert.equal((await reader.getTransaction({ hash: minted.transactionHash })).from, account.address.toLowerCase());
assert.equal(await reader.getTransactionConfirmations({ hash: minted.transactionHash }), 1n);

const logs = await reader.getLogs({ address, event: abi.at(-1), fromBlock: 0n });
assert.equal(logs.length, 1);
assert.equal(logs[0].args.value, 1_000_000n);
assert.equal((await reader.getContractEvents({ ...token, eventName: "Transfer", fromBlock: 0n })).length, 1);

// EIP-3009
const validBefore = BigInt(Math.floor(Date.now() / 1000) + 300);
const authorization = {
  from: account.address,
  to: payee,
  value: 10_000n,
  validAfter: 0n,
  validBefore,
  nonce: generatePrivateKey(),
};
const signature = await writer.signTypedData({
  domain: { name: "USDC", version: "2", chainId: 84532, verifyingContract: address },
  types: {
    TransferWithAuthorization: [
      { name: "from", type: "address" },
      { name: "to", type: "address" },
      { name: "value", type: "uint256" },
      { name: "validAfter", type: "uint256" },
      { name: "validBefore", type: "uint256" },
      { name: "nonce", type: "bytes32" },
    ],
  },
  primaryType: "TransferWithAuthorization",
  message: authorization,
});
const { v, r, s } = parseSignature(signature);
const settlement = {
  ...token,
  functionName: "transferWithAuthorization",
  args: [...Object.values(authorization), Number(v), r, s],
};
const settled = await wait(await writer.writeContract(settlement));
assert.equal(settled.status, "success");
assert.equal(settled.logs.length, 2);
assert.equal(await balance(payee), 10_000n);

// Reverts
const replay = await reader.simulateContract({ ...settlement, account }).catch((error) => error);
assert.ok(replay instanceof BaseError);
const reverted = replay.walk((error) => error instanceof ContractFunctionRevertedError);
assert.equal(reverted?.reason, "FiatTokenV2: authorization is used or canceled");
const estimate = await reader.estimateContractGas({ ...settlement, account }).catch((error) => error);
assert.match(estimate.message, /authorization is used or canceled/);
const forced = await wait(await writer.writeContract({ ...settlement, gas: 200_000n }));
assert.equal(forced.status, "reverted");

// There is no Multicall3 here: a multicall fails per call, and does not throw.
const calls = await reader.multicall({
  contracts: [
    { ...token, functionName: "name" },
    { ...token, functionName: "version" },
  ],
  allowFailure: true,
});
assert.deepEqual(calls.map((call) => call.status), ["failure", "failure"]);
// Deployless it works: the contract's code comes with the call.
const deployless = await reader.multicall({
  contracts: [
    { ...token, functionName: "name" },
    { ...token, functionName: "version" },
  ],
  deployless: true,
});
assert.deepEqual(deployless.map((call) => call.result), ["USDC", "2"]);

// A signature is verified through viem's own on-chain validator, which is deployed by the call.
assert.ok(await reader.verifyMessage({
  address: account.address,
  message: "hello",
  signature: await account.signMessage({ message: "hello" }),
}));

// Refusals that viem knows by their words
const poor = createWalletClient({ account: privateKeyToAccount(generatePrivateKey()), chain, transport });
const refused = await poor
  .sendTransaction({ to: payee, value: 1n, gas: 21_000n })
  .catch((error) => error);
assert.equal(refused.walk((error) => error.name === "InsufficientFundsError")?.name, "InsufficientFundsError");
const low = await writer.sendTransaction({ to: payee, nonce: 0, gas: 21_000n }).catch((error) => error);
assert.equal(low.walk((error) => error.name === "NonceTooLowError")?.name, "NonceTooLowError");

// Watching
const seen = await new Promise((resolve, reject) => {
  const stop = reader.watchContractEvent({
    ...token,
    eventName: "Transfer",
    pollingInterval: 20,
    onLogs: (logs) => (stop(), resolve(logs)),
    onError: reject,
  });
  setTimeout(() => writer.writeContract({ ...token, functionName: "transfer", args: [payee, 1n] }), 200);
});
assert.equal(seen[0].args.value, 1n);

// Development
const snapshot = await tester.snapshot();
await tester.setBalance({ address: payee, value: 5n });
assert.equal(await reader.getBalance({ address: payee }), 5n);
await tester.increaseTime({ seconds: 1000 });
await tester.mine({ blocks: 2 });
assert.ok((await reader.getBlock()).timestamp >= validBefore + 600n);
await tester.setNextBlockTimestamp({ timestamp: validBefore + 5000n });
await tester.mine({ blocks: 1 });
assert.equal((await reader.getBlock()).timestamp, validBefore + 5000n);
await tester.setCode({ address: payee, bytecode: "0x602a5f5260205ff3" });
assert.equal(await reader.getCode({ address: payee }), "0x602a5f5260205ff3");
await tester.setStorageAt({ address: payee, index: 1, value: `0x${"00".repeat(31)}07` });
assert.equal(await reader.getStorageAt({ address: payee, slot: "0x1" }), `0x${"00".repeat(31)}07`);
await tester.revert({ id: snapshot });
assert.equal(await reader.getBalance({ address: payee }), 0n);
assert.equal(await reader.getCode({ address: payee }), undefined);

// Nonce management under concurrency
const nonce = await reader.getTransactionCount({ address: account.address, blockTag: "pending" });
const hashes = await Promise.all(
  [3, 1, 2, 0].map((ahead) => writer.sendTransaction({ to: payee, value: 1n, gas: 21_000n, nonce: nonce + ahead })),
);
for (const hash of hashes) assert.equal((await wait(hash)).status, "success");

const fees = await reader.estimateFeesPerGas();
assert.ok(fees.maxFeePerGas > fees.maxPriorityFeePerGas);
const history = await reader.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
assert.equal(history.reward.length, 4);
console.log("all is well");
