// Visits a page that costs something, pays with a wallet, and prints one line of JSON: what was seen.
//
//   WALLET_KEY=0x… node visit.mjs URL [options]
//
//   --chain N        the chain that the wallet is on; 1 otherwise
//   --knows N,N      chains that it can switch to; 84532 otherwise
//   --node URL       who it asks of that chain; otherwise it cannot tell of any
//   --refuses M=N    answers the method M with the error N, once for each time that it is said
//   --cancels M      cancels while the wallet does not answer the method M, which it does then; counts as a
//                    press, once for each time that it is said
//   --wallet JSON    its name and icon, whether it is injected, broken, late; said again, there are several
//   --no-wallet      there is none
//   --looks          looks for a wallet again, once the late ones have come
//   --with N         the wallet that is pressed, counted from 0
//   --offer N        the offer that is chosen, counted from 0
//   --loses N        paid requests that do not get through first
//   --misses N       paid requests that get through first, and their answers do not
//   --clicks N       presses of a button at the most, 1 otherwise: pay, send again, or reload and pay
//   --patience N     milliseconds before the payment is sent again
//   --keys           with the keyboard alone
//   --screenshot P   a picture of the end; --before P one of the beginning
//   --width N        in pixels; --dark

import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import puppeteer from "puppeteer-core";
import { Wallet } from "./wallet.mjs";

const text = (fallback) => ({ type: "string", default: fallback });
const { values: options, positionals: [url] } = parseArgs({
  allowPositionals: true,
  options: {
    chain: text("1"), knows: text("84532"), node: text(undefined), loses: text("0"), misses: text("0"),
    clicks: text("1"), patience: text("0"), keys: { type: "boolean" },
    refuses: { type: "string", multiple: true, default: [] }, cancels: { type: "string", multiple: true, default: [] },
    wallet: { type: "string", multiple: true, default: ["{}"] },
    "no-wallet": { type: "boolean" }, looks: { type: "boolean" }, with: text("0"), offer: text(undefined),
    width: text("900"), screenshot: text(undefined), before: text(undefined), dark: { type: "boolean" },
  },
});

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"],
});

const seen = { errors: [], violations: [], dialogs: [], elsewhere: [], said: [], told: [], focus: [], payments: [] };
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  await page.setViewport({ width: Number(options.width), height: 800 });
  const scheme = options.dark ? "dark" : "light";
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);

  const wallets = (options["no-wallet"] ? [] : options.wallet).map((shown) => new Wallet({
    key: process.env.WALLET_KEY,
    chain: Number(options.chain),
    knows: options.knows.split(",").map(Number),
    node: options.node,
    refuses: options.refuses.map((one) => one.split("=")).map(([method, code]) => [method, Number(code)]),
    stalls: options.cancels,
    ...JSON.parse(shown),
  }));
  for (const [index, wallet] of wallets.entries()) await wallet.install(page, index);

  await page.exposeFunction("reportStatus", (text) => seen.told.push(text));
  await page.exposeFunction("reportViolation", (violation) => seen.violations.push(violation));
  await page.evaluateOnNewDocument(() => {
    addEventListener("securitypolicyviolation", (event) => {
      window.reportViolation(`${event.effectiveDirective} ${event.blockedURI}`);
    });
  });
  // That the page or a payment was answered so, browsers tell as an error of theirs.
  const unpaid = /the server responded with a status of (402|412)/;
  page.on("console", (message) => {
    if (message.type() === "error" && !unpaid.test(message.text())) seen.errors.push(message.text());
  });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("dialog", (dialog) => {
    seen.dialogs.push(dialog.message());
    dialog.dismiss();
  });

  let lost = Number(options.loses), missed = Number(options.misses);
  await page.setRequestInterception(true);
  page.on("request", async (request) => {
    const to = new URL(request.url());
    if (/^https?:$/.test(to.protocol) && to.origin !== new URL(url).origin) seen.elsewhere.push(to.href);
    const payment = request.headers()["payment-signature"];
    if (payment) seen.payments.push(payment);
    if (payment && lost-- > 0) return request.abort("connectionreset");
    if (payment && missed-- > 0) {
      await (await fetch(to, { headers: request.headers() })).arrayBuffer();
      return request.abort("connectionreset");
    }
    request.continue();
  });

  const answer = await page.goto(url);
  seen.status = answer.status();
  seen.type = answer.headers()["content-type"];
  seen.policy = answer.headers()["content-security-policy"];
  seen.title = await page.title();
  seen.heading = await page.$eval("h1", (heading) => heading.textContent);
  seen.price = await page.$eval("#offers", (offers) => offers.innerText.trim());
  // A wallet that is not late is found at once. Late ones come once the page has said what it found.
  const looked = "#wallets button, #none:not([hidden])";
  const ready = async () => {
    if (await page.$("#offers input")) await page.waitForSelector(looked);
  };
  await ready();
  const words = () => page.$eval("main", (main) => main.innerText);
  seen.words = await words();
  const late = wallets.filter((wallet) => wallet.late);
  if (late.length) await page.waitForSelector("#none:not([hidden])");
  for (const wallet of late) await wallet.come();
  // Whoever has no mouse goes from where the focus is, as often as Tab must be pressed.
  const press = async (selector, count = 1) => {
    if (!options.keys) return page.click(selector, { count });
    const isThere = (selector) => document.activeElement === document.querySelector(selector);
    for (let tabs = 0; !(await page.evaluate(isThere, selector)); tabs++) {
      if (tabs > 20) throw new Error(`Tab does not lead to ${selector}`);
      await page.keyboard.press("Tab");
    }
    for (let pressed = 0; pressed < count; pressed++) await page.keyboard.press("Enter");
  };
  const focused = () => page.evaluate(async () => {
    // What was hidden loses the focus with the next picture.
    for (let picture = 0; picture < 2; picture++) await new Promise(requestAnimationFrame);
    const { activeElement } = document;
    return activeElement === document.body ? "nothing" : activeElement.innerText || activeElement.localName;
  });
  // What screen readers speak of by themselves when it changes.
  const heard = async () => {
    const { nodes } = await (await page.createCDPSession()).send("Accessibility.getFullAXTree");
    const byId = new Map(nodes.map((node) => [node.nodeId, node]));
    const isLive = (node) => node && (isLive(byId.get(node.parentId))
      || node.properties?.some(({ name, value }) => name === "live" && value.value === "polite"));
    return nodes.filter((node) => node.role.value === "StaticText" && isLive(node)).map((node) => node.name.value);
  };
  if (options.looks) {
    await press("#look");
    seen.focus.push(await focused());
  }
  if (!options["no-wallet"] && await page.$("#offers input")) await page.waitForSelector("#wallets button");
  seen.later = await words();
  seen.found = await heard();
  await page.evaluate(() => {
    const status = document.querySelector("#status");
    new MutationObserver(() => window.reportStatus(status.textContent)).observe(status, { childList: true });
  });
  const buttons = () => page.$$eval("button", (all) =>
    all.filter((button) => button.checkVisibility()).map((button) => button.innerText));
  seen.buttons = await buttons();
  seen.icons = await page.$$eval("#wallets img", (images) => images.length);
  seen.images = await page.$$eval("main > :not(#pay) img", (images) => images.length);
  if (options.before) await page.screenshot({ path: options.before, fullPage: true });
  if (options.offer) await page.click(`#offers input[value="${options.offer}"]`);

  const pay = async () => {
    // Who clicks twice means one payment, and answers the wallet after it.
    const pressed = press(`#wallets button:nth-child(${Number(options.with) + 1})`, 2);
    for (const wallet of wallets) wallet.busy = pressed;
    await pressed;
  };
  const clicks = await page.$("#wallets button") ? Number(options.clicks) : 0;
  for (let click = 0; click < clicks; click++) {
    const again = await page.$("#again:not([hidden])");
    const reload = await page.$("#reload:not([hidden])");
    if (again) {
      await setTimeout(Number(options.patience));
      await press("#again");
    } else {
      if (reload) {
        await Promise.all([page.waitForNavigation(), press("#reload")]);
        await ready();
      }
      await pay();
      if (click < options.cancels.length) {
        const wallet = wallets[Number(options.with)];
        await wallet.stalled;
        seen.focus.push(await focused());
        await press("#cancel");
        seen.said.push(await page.$eval("#status", (status) => status.textContent));
        seen.focus.push(await focused());
        wallet.goOn();
        continue;
      }
    }
    const ended = "#result:not([hidden]), #status.bad";
    // The last bad news go before the next come.
    await page.waitForFunction((ended) => document.querySelector(ended), {}, ended);
    seen.focus.push(await focused());
    seen.heard = await heard();
    if (await page.$("#result:not([hidden])")) break;
    seen.said.push(await page.$eval("#status", (status) => status.textContent));
  }
  seen.left = await buttons();

  if (await page.$("#result:not([hidden])")) {
    seen.paid = await page.$eval("#paid", (paid) => paid.textContent);
    seen.receipt = await page.$$eval("#receipt dd", (lines) => lines.map((line) => line.textContent));
    const image = await page.$("#content img");
    if (image) await page.waitForFunction(() => document.querySelector("#content img").complete);
    const frame = await page.$("#content iframe");
    seen.content = await page.$eval("#content", (content) => ({
      element: content.firstElementChild?.localName,
      text: content.textContent,
      width: content.querySelector("img")?.naturalWidth,
      sandbox: content.querySelector("iframe")?.getAttribute("sandbox"),
    }));
    if (frame) {
      const inside = await frame.contentFrame();
      await inside.waitForSelector("body");
      seen.content.text = await inside.$eval("body", (body) => body.innerText);
    }
    seen.file = await page.$eval("#save", (save) => save.download);
  }
  seen.calls = wallets.flatMap((wallet) => wallet.calls);
  seen.asked = wallets.map((wallet) => wallet.calls.length);
  if (options.screenshot) await page.screenshot({ path: options.screenshot, fullPage: true });
  seen.wider = await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    return document.documentElement.scrollWidth - innerWidth;
  });
} catch (error) {
  seen.failure = String(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
