// A wallet like those that browsers have, which really signs: EIP-1193, announced by EIP-6963, or
// where it is `injected` just there; a `broken` one announces what is none. One that is `late` comes
// when it is told to, and one that is `silent` does not say so: injected ones by the event
// `ethereum#initialized`, others before they are asked. `refuses` has pairs of a method and the error
// with which it is answered once, as the cause of another error in one that `wraps` its errors; its
// person agrees to everything else, answers nothing while `busy`, and leaves each method in `stalls`
// unanswered once, until told to `goOn`.

import { hexToNumber } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const ICON = "data:image/svg+xml;base64," + btoa(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#e8a33d"/></svg>',
);

const refusal = (code, message) => ({ error: { code, message } });

export class Wallet {
  constructor({ key, chain, knows, node, refuses, stalls, name = "Test Wallet", icon = ICON, ...how }) {
    this.account = privateKeyToAccount(key);
    this.chain = chain;
    this.knows = knows;
    this.node = node;
    this.refuses = [...refuses];
    this.stalls = [...stalls];
    this.shown = { name, icon, ...how };
    this.late = how.late;
    this.calls = [];
    this.busy = Promise.resolve();
    this.stall();
  }

  // `stalled` comes once a method is left unanswered.
  stall() {
    this.stalled = new Promise((resolve) => this.onStall = resolve);
    this.gone = new Promise((resolve) => this.goOn = resolve);
  }

  async answer(method, params) {
    this.calls.push(method);
    await this.busy;
    const stall = this.stalls.indexOf(method);
    if (stall >= 0) {
      this.stalls.splice(stall, 1);
      this.onStall();
      await this.gone;
      this.stall();
    }
    const next = this.refuses.findIndex(([refused]) => refused === method);
    if (next >= 0) return refusal(this.refuses.splice(next, 1)[0][1], "No.");
    switch (method) {
      case "eth_requestAccounts":
        return { result: [this.account.address.toLowerCase()] };
      case "eth_chainId":
        return { result: `0x${this.chain.toString(16)}` };
      case "wallet_switchEthereumChain": {
        const chain = hexToNumber(params[0].chainId);
        if (!this.knows.includes(chain)) return refusal(4902, "Unrecognized chain ID.");
        this.chain = chain;
        return { result: null };
      }
      case "eth_signTypedData_v4":
        return this.sign(params[0], JSON.parse(params[1]));
      case "eth_call":
        if (this.node) return this.read(method, params);
        // falls through
      default:
        return refusal(4200, `${method} is not supported`);
    }
  }

  async read(method, params) {
    const asked = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const answer = await fetch(this.node, { method: "POST", headers: { "Content-Type": "application/json" }, body: asked });
    return answer.json();
  }

  async sign(from, { domain, types, primaryType, message }) {
    if (from !== this.account.address.toLowerCase()) return refusal(4100, "not my account");
    if (Number(domain.chainId) !== this.chain) return refusal(-32603, "not my chain");
    if (!types.EIP712Domain) return refusal(-32602, "no domain type");
    return { result: await this.account.signTypedData({ domain, types, primaryType, message }) };
  }

  // Gets it into a page: before the page's own scripts run, or by `come` where it is late.
  async install(page, index) {
    await page.exposeFunction(`askWallet${index}`, (method, params) => this.answer(method, params));
    if (!this.late) await page.evaluateOnNewDocument(enter, index, this.shown);
    this.come = () => page.evaluate(enter, index, this.shown);
  }
}

// Runs in the page.
function enter(index, { name, icon, injected, broken, late, silent, wraps }) {
  if (window !== window.top) return;
  const request = async ({ method, params }) => {
    const { result, error } = await window[`askWallet${index}`](method, params);
    const { code, message } = error ?? {};
    const thrown = wraps ? { code: -32603, data: { originalError: { code, message } } } : { code };
    if (error) throw Object.assign(new Error(message), thrown);
    return result;
  };
  const provider = Object.freeze({ request });
  if (injected) {
    window.ethereum = provider;
    if (late && !silent) dispatchEvent(new Event("ethereum#initialized"));
    return;
  }
  const uuid = `6f0c1f7e-6d4c-4f5a-9f55-0e5b7d3a1c1${index}`;
  const info = Object.freeze({ uuid, name, icon, rdns: "test.wallet" });
  const details = broken
    ? [null, {}, { provider }, { info }, { info, provider: {} }, { info: 1, provider: null }]
    : [Object.freeze({ info, provider })];
  const announce = () => {
    for (const detail of details) dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
  };
  addEventListener("eip6963:requestProvider", announce);
  if (!silent) announce();
}
