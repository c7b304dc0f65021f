// Runs every role by every implementation against the others, and writes ../INTEROP.md.
// Usage: OUR_BUYER=… OUR_SELLER=… OUR_FACILITATOR=… node matrix.mjs [WORD…]
//
// Each purchase has at least one role of ours, and a buyer of its own without ether. Besides the
// receipt, what the seller holds on chain is compared. With words, only combinations whose names
// contain every word are run and nothing is written; `official` runs those without ours as well.
import { writeFileSync } from "node:fs";
import { keccak256, toHex } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { BUYERS, FACILITATORS, SELLERS, run, start, startChain } from "./harness.mjs";

const OURS = "**x402 for Rust**";
const program = (name) => ({ command: process.env[name] ?? `../target/debug/${name.slice(4).toLowerCase()}`, args: [] });
const buyers = { [OURS]: program("OUR_BUYER"), ...BUYERS };
const sellers = { [OURS]: program("OUR_SELLER"), ...SELLERS };
const facilitators = { [OURS]: program("OUR_FACILITATOR"), ...FACILITATORS };

/** What is bought. `allowed`: Permit2 may move the buyer's money already, and the buyer sees no chain. */
const SCENARIOS = [
  { name: "exact, EIP-3009", path: "/exact", price: 10_000n },
  { name: "exact, Permit2", path: "/permit2", price: 10_000n, allowed: true },
  { name: "exact, Permit2, gas sponsored", path: "/permit2", price: 10_000n },
  { name: "exact, Permit2, approval sponsored", path: "/permit2-approval", price: 10_000n },
  { name: "upto, a quarter of it", path: "/upto", price: 5_000n, allowed: true },
  { name: "upto, gas sponsored", path: "/upto", price: 5_000n },
  { name: "exact, EIP-3009, smart wallet", path: "/exact", price: 10_000n, wallet: true },
];
const V1 = "exact, EIP-3009, version 1";
const AT_ONCE = 3;

const words = process.argv.slice(2);
const shops = combinations(words.filter((word) => word !== "official"), words.includes("official"));
const purchases = shops.flatMap((shop) => shop.purchases);
const chain = await startChain(purchases.map(payer));

const waiting = [...shops];
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (let shop = waiting.shift(); shop; shop = waiting.shift()) await trade(shop);
}));

const failed = purchases.filter(({ outcome }) => outcome !== "paid");
for (const purchase of failed) console.error(`${name(purchase)}: ${purchase.outcome}`);
if (words.length === 0) writeFileSync(new URL("../INTEROP.md", import.meta.url), report());
console.error(`${purchases.length - failed.length} of ${purchases.length} paid`);
process.exit(failed.length > 0 || purchases.length === 0 ? 1 : 0);

/** Version 1's programs have one route; its buyer reads of the others only sellers of both versions. */
function combinations(words, official) {
  const all = [];
  for (const facilitator of Object.keys(facilitators)) {
    for (const seller of Object.keys(sellers)) {
      const purchases = [];
      for (const buyer of Object.keys(buyers)) {
        const ours = [facilitator, seller, buyer].includes(OURS);
        const old = seller.startsWith("v1") || buyer.startsWith("v1");
        if (!ours && !official) continue;
        if (buyer.startsWith("v1") && seller !== OURS && !seller.startsWith("v1")) continue;
        const scenarios = old ? [{ ...SCENARIOS[0], name: V1 }] : SCENARIOS;
        for (const scenario of scenarios) {
          const purchase = { facilitator, seller, buyer, scenario };
          if (!words.every((word) => name(purchase).includes(word))) continue;
          purchases.push({ ...purchase, key: keccak256(toHex(name(purchase))) });
        }
      }
      if (purchases.length > 0) all.push({ facilitator, seller, purchases });
    }
  }
  return all;
}

/** The account that pays: a wallet's is not its key's. */
function payer({ scenario, key }) {
  return privateKeyToAddress(scenario.wallet ? keccak256(key) : key);
}

function name({ facilitator, seller, buyer, scenario }) {
  return `facilitator ${facilitator} | seller ${seller} | buyer ${buyer} | ${scenario.name}`;
}

/** One seller with its facilitator, each with accounts of its own. */
async function trade({ facilitator, seller, purchases }) {
  const key = keccak256(toHex(`${facilitator} for ${seller}`));
  const payTo = privateKeyToAddress(keccak256(toHex(`${seller} with ${facilitator}`)));
  await chain.fund(privateKeyToAddress(key));
  const opened = [];
  try {
    opened.push(await start(facilitators[facilitator], { PRIVATE_KEY: key, RPC_URL: chain.url }));
    opened.push(await start(sellers[seller], { FACILITATOR_URL: opened[0].url, PAY_TO: payTo }));
    for (const purchase of purchases) purchase.outcome = await buy(purchase, opened[1].url, payTo);
  } catch (error) {
    for (const purchase of purchases) purchase.outcome ??= `not opened: ${error.message}`;
  }
  for (const each of opened) each.end();
}

async function buy(purchase, url, payTo) {
  const { buyer, scenario, key } = purchase;
  const { path, price, allowed, wallet } = scenario;
  if (allowed) await chain.allow(payer(purchase));
  if (wallet) await chain.wallet(payer(purchase), privateKeyToAddress(key));
  const env = { PRIVATE_KEY: key, RPC_URL: allowed ? "" : chain.url, WALLET: wallet ? payer(purchase) : "" };
  const before = await chain.balance(payTo);
  const bought = await run(buyers[buyer], [`${url}${path}`], env);
  const earned = (await chain.balance(payTo)) - before;
  if (bought.error) return `error: ${bought.error}`;
  if (bought.status !== 200) {
    const reason = bought.receipt?.errorReason ?? bought.messages.refusal?.error;
    return `${bought.status} ${reason}: ${bought.receipt?.errorMessage ?? bought.body}`;
  }
  if (!bought.receipt?.success) return `200 with receipt ${JSON.stringify(bought.receipt)}`;
  return earned === price ? "paid" : `the seller earned ${earned}, not ${price}`;
}

function report() {
  const text = [
    "# Interoperability",
    "",
    "Written by `interop/matrix.mjs`, which `./test` runs: each cell is a purchase on anvil, with the real",
    "Permit2 and Circle's token, and counts as paid where the seller holds what the price says afterwards.",
    "The two x402 proxies are our own Solidity of equal interface; see [interop](./interop/README.md).",
    "Every purchase has at least one role of ours.",
    "",
    "fetch, axios, express, hono and the ts facilitator are npm `@x402/*` 2.27 (axios: 2.11), httpx, requests,",
    "fastapi, flask and the python facilitator PyPI `x402` 2.25, those marked v1 npm `x402-*` 1.2.",
  ];
  for (const scenario of [...SCENARIOS.map(({ name }) => name), V1]) {
    const rows = purchases.filter((purchase) => purchase.scenario.name === scenario);
    const columns = Object.keys(buyers).filter((buyer) => rows.some((row) => row.buyer === buyer));
    text.push("", `## ${scenario}`, "");
    text.push(`| facilitator | seller | ${columns.map((buyer) => `buyer ${buyer}`).join(" | ")} |`);
    text.push(`|---|---|${columns.map(() => "---|").join("")}`);
    for (const { facilitator, seller } of shops) {
      const cells = columns.map((buyer) =>
        cell(rows.find((row) => row.facilitator === facilitator && row.seller === seller && row.buyer === buyer)),
      );
      if (cells.some((each) => each !== "")) text.push(`| ${facilitator} | ${seller} | ${cells.join(" | ")} |`);
    }
  }
  return `${text.join("\n")}\n`;
}

function cell(purchase) {
  if (!purchase) return "";
  return purchase.outcome === "paid" ? "✓" : `failed: ${purchase.outcome.replaceAll("|", " ").slice(0, 80)}`;
}
