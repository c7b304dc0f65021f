// The official programs, how to start them, and the chain that they trade on.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  createTestClient,
  encodeFunctionData,
  http,
  maxUint256,
  parseAbi,
  publicActions,
  walletActions,
} from "viem";
import { baseSepolia } from "viem/chains";
import { receiptOf } from "./ts/receipt.mjs";

export const USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3";
const folder = fileURLToPath(new URL(".", import.meta.url));

const node = (file, env) => ({ command: "node", args: [file], env });
const python = (file, env) => ({ command: "python/.venv/bin/python", args: [`python/${file}`], env });
const DEPLOY = node("chain/deploy.mjs");
const WALLET = JSON.parse(readFileSync(new URL("../x402-devnet/contracts/DevWallet.json", import.meta.url), "utf8"));

export const FACILITATORS = {
  "ts facilitator": node("ts/facilitator.mjs"),
  "python facilitator": python("facilitator.py"),
};
export const SELLERS = {
  express: node("ts/seller-express.mjs"),
  hono: node("ts/seller-hono.mjs"),
  fastapi: python("seller_fastapi.py"),
  flask: python("seller_flask.py"),
  "v1 express": node("legacy-v1/seller-express.mjs"),
};
export const BUYERS = {
  fetch: node("ts/buyer.mjs", { CLIENT: "fetch" }),
  axios: node("ts/buyer.mjs", { CLIENT: "axios" }),
  httpx: python("buyer.py", { CLIENT: "httpx" }),
  requests: python("buyer.py", { CLIENT: "requests" }),
  "v1 fetch": node("legacy-v1/buyer.mjs"),
};

function launch({ command, args, env: own }, more, env) {
  return spawn(command, [...args, ...more], {
    cwd: folder,
    env: { ...process.env, ...own, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
}

/** Starts a server and waits for its address. It ends with `end()`, or with this process. */
export async function start(program, env) {
  const child = launch(program, [], env);
  const said = await firstLine(child, (line) => JSON.parse(line));
  if (!said?.ready) throw new Error(`${program.args.join(" ")}: ${said?.error ?? "ended"}`);
  return { url: said.url, end: () => child.stdin.end() };
}

/** The first line that means something. What comes later is read and dropped: a full pipe would stop its writer. */
async function firstLine(child, read) {
  const lines = createInterface(child.stdout);
  for await (const line of lines) {
    const meaning = read(line);
    if (meaning === undefined) continue;
    lines.close();
    child.stdout.resume();
    return meaning;
  }
}

/** Runs a program to its end and reads its one line. */
export async function run(program, args, env) {
  const child = launch(program, args, env);
  child.stdin.end();
  let output = "";
  for await (const chunk of child.stdout) output += chunk;
  try {
    return JSON.parse(output);
  } catch {
    return { error: `printed ${JSON.stringify(output)}` };
  }
}

/** Anvil with the contracts in place and USDC for the holders. */
export async function startChain(holders, units = 1_000_000) {
  const os = process.platform === "darwin" ? "darwin" : "linux";
  const cpu = process.arch === "arm64" ? "arm64" : "amd64";
  const binary = `${folder}node_modules/@foundry-rs/anvil-${os}-${cpu}/bin/anvil`;
  if (!existsSync(binary)) throw new Error("npm install comes first");
  const child = spawn(binary, ["--port", "0", "--chain-id", "84532"], { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => child.kill());
  const address = await firstLine(child, (line) => /^Listening on (\S+)/.exec(line)?.[1]);
  if (!address) throw new Error("anvil ended");
  const chain = new Chain(`http://${address}`);
  const deployed = await run(DEPLOY, [chain.url, ...holders.map((holder) => `${holder}=${units}`)]);
  if (deployed.error) throw new Error(deployed.error);
  return chain;
}

const abi = parseAbi([
  "function balanceOf(address) view returns (uint256)",
  "function approve(address, uint256)",
]);

class Chain {
  constructor(url) {
    this.url = url;
    this.client = createTestClient({ mode: "anvil", chain: baseSepolia, transport: http(url) })
      .extend(publicActions)
      .extend(walletActions);
  }

  /** The USDC of an account, in atomic units. */
  balance(of) {
    return this.client.readContract({ address: USDC, abi, functionName: "balanceOf", args: [of] });
  }

  /** Ether for an account that sends transactions. */
  async fund(account) {
    await this.client.setBalance({ address: account, value: 10n ** 20n });
  }

  /** Puts a wallet with code, which signs with its owner's key (ERC-1271), at this address. */
  async wallet(address, owner) {
    await this.client.setCode({ address, bytecode: WALLET.deployedBytecode });
    const data = encodeFunctionData({ abi: WALLET.abi, functionName: "init", args: [owner] });
    await this.client.impersonateAccount({ address });
    await this.client.setBalance({ address, value: 10n ** 18n });
    await receiptOf(this.client, await this.client.sendTransaction({ account: address, to: address, data }));
    await this.client.stopImpersonatingAccount({ address });
  }

  /** Lets Permit2 take an account's USDC. The account has no ether afterwards either. */
  async allow(owner) {
    const data = encodeFunctionData({ abi, functionName: "approve", args: [PERMIT2, maxUint256] });
    await this.client.impersonateAccount({ address: owner });
    await this.client.setBalance({ address: owner, value: 10n ** 18n });
    const hash = await this.client.sendTransaction({ account: owner, to: USDC, data });
    await receiptOf(this.client, hash);
    await this.client.setBalance({ address: owner, value: 0n });
    await this.client.stopImpersonatingAccount({ address: owner });
  }
}
