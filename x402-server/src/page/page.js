"use strict";
(() => {
  const LIFETIME = 900, MARGIN = 6, HEADER_LIMIT = 16384, SHOWN_LIMIT = 1 << 20;
  const $ = (id) => document.getElementById(id);
  const json = $("terms").textContent;
  const terms = JSON.parse(json);
  const first = document.querySelector("input[name=offer]");
  if (!terms || !first) return;

  // What a visitor is told, and which buttons there are.

  const say = (text, bad = false) => {
    $("status").textContent = text;
    $("status").className = bad ? "bad" : "";
  };
  const show = (...ids) => {
    for (const id of ["cancel", "again", "reload"]) $(id).hidden = !ids.includes(id);
  };
  const enable = (enabled) => {
    open = enabled;
    for (const one of document.querySelectorAll("#wallets button, #offers input")) one.disabled = !enabled;
  };
  class Told extends Error {}
  const cut = (text, length) => (typeof text === "string" ? text.slice(0, length) : "");

  // JSON as it was written: the members of an object or the elements of an array.

  const parts = (text) => {
    const found = [];
    let depth = 0, from = 0, quoted = false;
    for (let i = 0; i < text.length; i++) {
      const c = text[i];
      if (quoted) {
        if (c === "\\") i++;
        else if (c === '"') quoted = false;
      } else if (c === '"') quoted = true;
      else if (c === "{" || c === "[") { if (depth++ === 0) from = i + 1; }
      else if (c === "}" || c === "]" || c === ",") {
        if (depth === 1) {
          const part = text.slice(from, i).trim();
          if (part) found.push(part);
          from = i + 1;
        }
        if (c !== ",") depth--;
      }
    }
    return found;
  };
  const value = (text, key) => {
    const start = JSON.stringify(key) + ":";
    return parts(text).find((part) => part.startsWith(start))?.slice(start.length);
  };

  const utf8 = (text) => new TextEncoder().encode(text);
  const toBase64 = (text) => btoa(Array.from(utf8(text), (byte) => String.fromCharCode(byte)).join(""));
  const fromBase64 = (text) => {
    try {
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0))));
    } catch { return null; }
  };
  const random = (length) =>
    Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  // The payment.

  const chosen = () => {
    const input = document.querySelector("input[name=offer]:checked");
    const offer = terms.accepts[input.value];
    return {
      offer, raw: parts(value(json, "accepts"))[input.value],
      chain: Number(offer.network.split(":")[1]),
      price: input.dataset.price, place: input.dataset.place, token: input.dataset.token,
    };
  };

  const typedData = ({ offer, chain }, from, validBefore) => {
    const fields = (...pairs) => pairs.map(([name, type]) => ({ name, type }));
    return {
      types: {
        EIP712Domain: fields(["name", "string"], ["version", "string"], ["chainId", "uint256"], ["verifyingContract", "address"]),
        TransferWithAuthorization: fields(["from", "address"], ["to", "address"], ["value", "uint256"],
          ["validAfter", "uint256"], ["validBefore", "uint256"], ["nonce", "bytes32"]),
      },
      primaryType: "TransferWithAuthorization",
      domain: { name: offer.extra.name, version: offer.extra.version, chainId: chain, verifyingContract: offer.asset },
      message: { from, to: offer.payTo, value: offer.amount, validAfter: "0", validBefore: String(validBefore), nonce: "0x" + random(32) },
    };
  };

  const named = (part) => {
    if (!part.startsWith('"payment-identifier":')) return part;
    const extension = JSON.parse(`{${part}}`);
    extension["payment-identifier"].info.id = "pay_" + random(16);
    return JSON.stringify(extension).slice(1, -1);
  };
  const header = ({ raw }, payload) => {
    const resource = value(json, "resource");
    const extensions = parts(value(json, "extensions") ?? "{}").map(named);
    const write = (echoed) => toBase64(`{"x402Version":2,"resource":${resource},"accepted":${raw},`
      + `"payload":${JSON.stringify(payload)}${echoed.length ? `,"extensions":{${echoed}}` : ""}}`);
    const all = write(extensions);
    // Servers read no longer header; what they declared need not be echoed, only a name be given.
    return all.length <= HEADER_LIMIT ? all : write(extensions.filter((part) => part.startsWith('"payment-identifier":')));
  };

  // The wallet. Whoever cancels begins a new attempt: what still comes of the old one is dropped.

  let attempt = 0, open = true, held = null;

  const declined = "Declined in the wallet. Nothing was paid.";
  const trouble = (error, wallet) => {
    if (error instanceof Told) return error.message;
    if (error?.code === 4001) return declined;
    if (error?.code === -32002) return `${wallet.name} is already asking something: open it and answer there.`;
    return `${wallet.name} says: ${cut(error?.message, 200).replace(/\.$/, "") || "no"}. Nothing was paid.`;
  };

  const sign = async (wallet, choice, ask) => {
    const { chain, price, place, offer } = choice;
    say(`Connect in ${wallet.name}.`);
    const accounts = await ask("eth_requestAccounts");
    const from = accounts?.[0];
    if (!/^0x[0-9a-f]{40}$/i.test(from)) throw new Told(`${wallet.name} gave no account.`);
    const isThere = async () => Number(await ask("eth_chainId")) === chain;
    if (!(await isThere())) {
      say(`Switch to ${place} in ${wallet.name}.`);
      try {
        await ask("wallet_switchEthereumChain", [{ chainId: "0x" + chain.toString(16) }]);
      } catch (error) {
        const code = error?.data?.originalError?.code ?? error?.code;
        if (code !== 4902) throw error;
        throw new Told(`${wallet.name} does not know ${place}. Add the chain with the id ${chain} to it, then try again.`);
      }
      if (!(await isThere())) throw new Told(`${wallet.name} did not switch to ${place}.`);
    }
    const now = () => Math.floor(Date.now() / 1000);
    const validBefore = now() + Math.min(offer.maxTimeoutSeconds, LIFETIME);
    const data = typedData(choice, from, validBefore);
    say(`Sign the payment of ${price} in ${wallet.name}.`);
    const signature = await ask("eth_signTypedData_v4", [from, JSON.stringify(data)]);
    if (!/^0x([0-9a-f]{2})+$/i.test(signature)) throw new Told(`${wallet.name} gave no signature.`);
    if (now() + MARGIN >= validBefore) throw new Told("The signature came too late. It was not sent, and nothing was paid.");
    return { choice, header: header(choice, { signature, authorization: data.message }) };
  };

  const pay = async (wallet) => {
    if (!open) return;
    const mine = ++attempt;
    const ask = async (method, params) => {
      const call = wallet.provider.request(params ? { method, params } : { method });
      try { return await call; } finally { if (mine !== attempt) throw new Told("Cancelled."); }
    };
    enable(false);
    show("cancel");
    try {
      held = await sign(wallet, chosen(), ask);
    } catch (error) {
      if (mine === attempt) free(trouble(error, wallet), true);
      return;
    }
    await send();
  };

  const free = (text, bad) => {
    attempt++;
    held = null;
    enable(true);
    $("pay").hidden = false;
    show();
    say(text, bad);
  };

  // The shop. A payment that was sent is kept until its outcome is known.

  const send = async () => {
    show();
    say("Paying …");
    let response, body;
    try {
      response = await fetch(location.origin + location.pathname + location.search, {
        headers: { "PAYMENT-SIGNATURE": held.header }, mode: "same-origin", redirect: "error", cache: "no-store",
      });
      if (response.ok) say("Receiving …");
      body = await response.arrayBuffer();
    } catch {
      return doubt("The answer did not arrive, and whether it was paid is not known. Do not pay again: send the same payment again.");
    }
    if (response.ok) return deliver(response, body);
    const challenge = fromBase64(response.headers.get("PAYMENT-REQUIRED") ?? "");
    if (response.status === 402 && challenge) return refused(challenge, response);
    let said = null;
    try { said = JSON.parse(new TextDecoder().decode(body)); } catch { /* No words, then. */ }
    const code = said?.error;
    if (code === "settlement_pending" || code === "settlement_unknown") {
      const transaction = cut(said.transaction, 100);
      doubt(`Whether the payment went through is not known yet. Do not pay again: send the same payment again in a moment.${transaction && ` Transaction: ${transaction}`}`);
    } else if (code === "payment_already_used" || code === "invalid_exact_evm_nonce_already_used") {
      doubt("This payment has been used already. To buy once more, reload this page.", "reload");
    } else {
      doubt(`${cut(said?.message, 300) || `The shop answered with status ${response.status}.`} You need not pay again: the same payment can be sent again.`);
    }
  };

  const doubt = (text, button = "again") => {
    $("pay").hidden = true;
    show(button);
    say(text, true);
    $(button).focus();
  };

  const REASONS = [
    [/insufficient/, (token) => `There is not enough ${token} in this account.`],
    [/valid_before|expired|valid_after|not_yet_valid/, () => "The payment came too late, or the clock of this device is wrong."],
    [/signature|smart_wallet|6492/, () => "The signature of this wallet was not accepted."],
    [/simulation_failed|transaction_failed/, () => "The payment could not be carried out on the chain."],
  ];
  // Quotes of one and the same price differ from answer to answer.
  const asked = ({ accepts }) => JSON.stringify(accepts, (key, part) => (key === "quote" ? undefined : part));
  const refused = (challenge, response) => {
    const receipt = fromBase64(response.headers.get("PAYMENT-RESPONSE") ?? "");
    const reason = cut(receipt?.errorReason || challenge.error, 128);
    const { token } = held.choice;
    const words = REASONS.find(([pattern]) => pattern.test(reason))?.[1](token) ?? `The shop says: ${reason}.`;
    if (asked(challenge) === asked(terms)) return free(`The payment was refused. ${words} Nothing was charged.`, true);
    held = null;
    doubt("The price has changed, and nothing was charged. Reload this page to see it.", "reload");
  };

  // What was bought.

  const indented = (text) => {
    try { JSON.parse(text); } catch { return text; }
    let depth = 0;
    const line = () => "\n" + "  ".repeat(depth);
    return text.replace(/"(?:\\.|[^"\\])*"|\{\s*\}|\[\s*\]|[{}[\],:]|\s+/g, (token) => {
      if (token === "{" || token === "[") { depth++; return token + line(); }
      if (token === "}" || token === "]") { depth--; return line() + token; }
      if (token === ",") return token + line();
      return token === ":" ? ": " : token.trim();
    });
  };
  const decoded = (body, type) => {
    const charset = /charset="?([\w-]+)/i.exec(type)?.[1];
    try { return new TextDecoder(charset).decode(body); } catch { return new TextDecoder().decode(body); }
  };

  const content = (body, type) => {
    const media = type.split(";")[0].trim().toLowerCase();
    const make = (name, properties) => Object.assign(document.createElement(name), properties);
    if (media.startsWith("image/")) {
      return make("img", { alt: "What was bought", src: URL.createObjectURL(new Blob([body], { type: media })) });
    }
    if (body.byteLength > SHOWN_LIMIT) return null;
    if (media === "text/html") {
      const frame = make("iframe", { title: "What was bought" });
      frame.setAttribute("sandbox", "");
      frame.srcdoc = decoded(body, type);
      return frame;
    }
    if (/[/+]json$/.test(media)) return make("pre", { textContent: indented(decoded(body, type)) });
    if (media.startsWith("text/") || /[/+]xml$/.test(media)) return make("pre", { textContent: decoded(body, type) });
    return null;
  };

  const deliver = (response, body) => {
    const { price, place } = held.choice;
    const receipt = fromBase64(response.headers.get("PAYMENT-RESPONSE") ?? "");
    const lines = receipt ? [["Transaction", receipt.transaction], ["Paid by", receipt.payer]] : [];
    for (const [term, text] of lines) {
      if (typeof text !== "string" || !text) continue;
      for (const [name, words] of [["dt", term], ["dd", cut(text, 200)]]) {
        $("receipt").append(Object.assign(document.createElement(name), { textContent: words }));
      }
    }
    $("paid").textContent = receipt?.success ? `Paid ${price} on ${place}` : "Delivered, without a receipt";
    const type = response.headers.get("Content-Type") ?? "";
    const shown = content(body, type);
    if (shown) $("content").append(shown);
    else $("content").textContent = body.byteLength ? "This can be saved, not shown." : "The answer is empty.";
    $("bare").hidden = shown?.localName !== "iframe";
    $("save").href = URL.createObjectURL(new Blob([body], { type: "application/octet-stream" }));
    $("save").download = /filename="?([^";]+)/i.exec(response.headers.get("Content-Disposition"))?.[1]
      ?? (location.pathname.split("/").pop() || "answer");
    held = null;
    show();
    say("");
    document.body.className = "paid";
    $("offers").hidden = $("pay").hidden = true;
    $("result").hidden = false;
    $("paid").focus();
  };

  // Wallets announce themselves, sooner or later; one that does not is at `window.ethereum`.

  const known = new Set();
  let plain = null;
  const put = (name, icon, provider, button = document.createElement("button")) => {
    button.replaceChildren(name);
    if (icon.startsWith("data:image/")) button.prepend(Object.assign(new Image(), { src: icon, alt: "" }));
    button.setAttribute("aria-label", `Pay with ${name}`);
    button.disabled = !open;
    button.onclick = () => pay({ name, provider: provider ?? window.ethereum });
    if (!button.isConnected) $("wallets").append(button);
    return button;
  };
  const add = (info, provider) => {
    if (!info || typeof provider?.request !== "function" || known.has(info.uuid) || known.size > 11) return;
    known.add(info.uuid);
    // Most likely it is the one that was found at `window.ethereum` before.
    put(cut(info.name, 40) || "Wallet", cut(info.icon, 100000), provider, plain ?? undefined);
    plain = null;
  };
  const look = () => {
    dispatchEvent(new Event("eip6963:requestProvider"));
    if (!known.size && typeof window.ethereum?.request === "function") plain ??= put("Browser wallet", "");
    return known.size || plain;
  };
  addEventListener("eip6963:announceProvider", ({ detail }) => add(detail?.info, detail?.provider));
  dispatchEvent(new Event("eip6963:requestProvider"));
  setTimeout(() => {
    if (!look()) $("program").open = true;
    $("none").hidden = false;
    addEventListener("ethereum#initialized", look);
  }, 300);
  $("look").addEventListener("click", () => {
    const found = look();
    say(found ? "" : "There is still no wallet in this browser.");
    if (found) $("wallets").firstChild.focus();
  });

  $("cancel").addEventListener("click", () => free("Cancelled. Nothing was paid."));
  $("again").addEventListener("click", () => { if (held) send(); });
  $("reload").addEventListener("click", () => { held = null; location.reload(); });
  addEventListener("beforeunload", (event) => { if (held) event.preventDefault(); });
  $("pay").hidden = false;
})();
