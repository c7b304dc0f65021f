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
    for (const input of document.querySelectorAll("#offers input")) input.disabled = !enabled;
    // A disabled button would lose the focus.
    for (const button of $("wallets").children) button.setAttribute("aria-disabled", !enabled);
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

  // What is signed. The types are told as contracts tell them; the first is the message's.

  const typedData = (domain, message, types) => {
    const members = (text) => text.split(",").map((member) => {
      const [type, name] = member.split(" ");
      return { name, type };
    });
    const version = "version" in domain ? "string version," : "";
    const all = { EIP712Domain: `string name,${version}uint256 chainId,address verifyingContract`, ...types };
    return {
      types: Object.fromEntries(Object.entries(all).map(([name, text]) => [name, members(text)])),
      primaryType: Object.keys(types)[0], domain, message,
    };
  };
  const tokenDomain = ({ offer: { extra, asset }, chain }) =>
    ({ name: extra.name, version: extra.version, chainId: chain, verifyingContract: asset });

  const byEip3009 = (choice, from, end) => {
    const { payTo: to, amount: value } = choice.offer;
    const authorization = { from, to, value, validAfter: "0", validBefore: end, nonce: "0x" + random(32) };
    const data = typedData(tokenDomain(choice), authorization, {
      TransferWithAuthorization:
        "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce",
    });
    return { data, payload: { authorization } };
  };

  const PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3";
  const PROXY = "0x402085c248EeA27D92E8b30b2C58ed07f9E20001";
  const UNALLOWED = `This account must first allow the contract Permit2 (${PERMIT2}) to move this token.`;
  const byPermit2 = ({ offer: { asset: token, amount, payTo: to }, chain }, from, deadline) => {
    const nonce = BigInt("0x" + random(32)).toString();
    const message = { permitted: { token, amount }, spender: PROXY, nonce, deadline, witness: { to, validAfter: "0" } };
    const data = typedData({ name: "Permit2", chainId: chain, verifyingContract: PERMIT2 }, message, {
      PermitWitnessTransferFrom:
        "TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Witness witness",
      TokenPermissions: "address token,uint256 amount",
      Witness: "address to,uint256 validAfter",
    });
    return { data, payload: { permit2Authorization: { from, ...message } } };
  };

  // What gives Permit2 an allowance of just the amount, if it has less and the shop puts one on chain.
  const allowance = async (choice, from, deadline, ask) => {
    const { asset: to, amount: value, extra } = choice.offer;
    const isNamed = [extra.name, extra.version].every((text) => typeof text === "string");
    const read = async (...words) => BigInt(await ask("eth_call", [{ to, data: words.join("") }, "latest"]));
    const word = (address) => address.slice(2).toLowerCase().padStart(64, "0");
    let nonce;
    try {
      if (await read("0xdd62ed3e", word(from), word(PERMIT2)) >= BigInt(value)) return null;
      if (!isNamed || !terms.extensions?.eip2612GasSponsoring) throw new Told(`${UNALLOWED} Nothing was paid.`);
      nonce = (await read("0x7ecebe00", word(from))).toString();
    } catch (error) {
      if (error instanceof Told) throw error;
      return null; // The wallet cannot tell; the shop will.
    }
    const data = typedData(tokenDomain(choice), { owner: from, spender: PERMIT2, value, nonce, deadline }, {
      Permit: "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
    });
    return { data, info: { from, asset: to, spender: PERMIT2, amount: value, nonce, deadline, version: "1" } };
  };

  const header = ({ raw }, payload, permit) => {
    const resource = value(json, "resource");
    const answers = { "payment-identifier": { id: "pay_" + random(16) }, eip2612GasSponsoring: permit };
    const answered = (part) => Object.keys(answers).find((key) => answers[key] && part.startsWith(`"${key}":`));
    const extensions = parts(value(json, "extensions") ?? "{}").map((part) => {
      const key = answered(part);
      if (!key) return part;
      const extension = JSON.parse(`{${part}}`);
      Object.assign(extension[key].info, answers[key]);
      return JSON.stringify(extension).slice(1, -1);
    });
    const write = (echoed) => toBase64(`{"x402Version":2,"resource":${resource},"accepted":${raw},`
      + `"payload":${JSON.stringify(payload)}${echoed.length ? `,"extensions":{${echoed}}` : ""}}`);
    const all = write(extensions);
    // Servers read no longer header; what they declared need not be echoed, only answered.
    return all.length <= HEADER_LIMIT ? all : write(extensions.filter(answered));
  };

  // The wallet. Whoever cancels begins a new attempt: what still comes of the old one is dropped.

  let attempt = 0, open = true, held = null, pressed = null;

  const codeOf = (error) => error?.data?.originalError?.code ?? error?.code;
  const trouble = (error, wallet) => {
    if (error instanceof Told) return error.message;
    if (codeOf(error) === 4001) return "Declined in the wallet. Nothing was paid.";
    if (codeOf(error) === -32002) return `${wallet.name} is already asking something: open it and answer there.`;
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
        if (codeOf(error) !== 4902) throw error;
        throw new Told(`${wallet.name} does not know ${place}. Add the chain with the id ${chain} to it, then try again.`);
      }
      if (!(await isThere())) throw new Told(`${wallet.name} did not switch to ${place}.`);
    }
    const now = () => Math.floor(Date.now() / 1000);
    const end = now() + Math.min(offer.maxTimeoutSeconds, LIFETIME);
    const signed = async (data, what) => {
      say(`Sign ${what} in ${wallet.name}.`);
      const signature = await ask("eth_signTypedData_v4", [from, JSON.stringify(data)]);
      if (!/^0x([0-9a-f]{2})+$/i.test(signature)) throw new Told(`${wallet.name} gave no signature.`);
      return signature;
    };
    const isByPermit2 = offer.extra?.assetTransferMethod === "permit2";
    const allowed = isByPermit2 ? await allowance(choice, from, String(end), ask) : null;
    const first = `an allowance of ${price} for Permit2, then the payment,`;
    const permit = allowed && { ...allowed.info, signature: await signed(allowed.data, first) };
    const { data, payload } = (isByPermit2 ? byPermit2 : byEip3009)(choice, from, String(end));
    const signature = await signed(data, `the payment of ${price}`);
    if (now() + MARGIN >= end) throw new Told("The signature came too late. It was not sent, and nothing was paid.");
    return { choice, header: header(choice, { signature, ...payload }, permit) };
  };

  const pay = async (wallet) => {
    if (!open) return;
    pressed = wallet.button;
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
    const focused = document.activeElement;
    show();
    say(text, bad);
    // Where the button that had the focus is gone, it goes back to where the visitor came from.
    if (focused === document.body || !focused?.getClientRects().length) pressed?.focus();
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
    if ([402, 412].includes(response.status) && challenge) return refused(challenge, response);
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
    [/allowance/, () => UNALLOWED],
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
    button.setAttribute("aria-disabled", !open);
    button.onclick = () => pay({ name, button, provider: provider ?? window.ethereum });
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
    if (look()) $("wallets").firstChild.focus();
    else $("lack").textContent = "There is still no wallet in this browser.";
  });

  $("cancel").addEventListener("click", () => free("Cancelled. Nothing was paid."));
  $("again").addEventListener("click", () => { if (held) send(); });
  $("reload").addEventListener("click", () => { held = null; location.reload(); });
  addEventListener("beforeunload", (event) => { if (held) event.preventDefault(); });
  $("pay").hidden = false;
})();
