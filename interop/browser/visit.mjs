// Visits a page that costs something, pays with a wallet, and prints one line of JSON: what was seen.
//
//   WALLET_KEY=0x… node visit.mjs URL [options]
//
//   --chain N        the chain that the wallet is on; 1 otherwise
//   --knows N,N      chains that it can switch to; 84532 otherwise
//   --declines N     signatures that its person declines first
//   --loses N        paid requests that do not get through first
//   --clicks N       presses of a button at the most, 1 otherwise: pay, or send again
//   --patience N     milliseconds before the payment is sent again
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
    chain: text("1"), knows: text("84532"), declines: text("0"), loses: text("0"), clicks: text("1"), patience: text("0"),
    width: text("900"), screenshot: text(undefined), before: text(undefined), dark: { type: "boolean" },
  },
});

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"],
});

const seen = { errors: [], violations: [], dialogs: [], elsewhere: [], said: [], payments: [] };
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  await page.setViewport({ width: Number(options.width), height: 800 });
  const scheme = options.dark ? "dark" : "light";
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);

  const wallet = new Wallet({
    key: process.env.WALLET_KEY,
    chain: Number(options.chain),
    knows: options.knows.split(",").map(Number),
    declines: Number(options.declines),
  });
  await wallet.install(page);

  await page.exposeFunction("reportViolation", (violation) => seen.violations.push(violation));
  await page.evaluateOnNewDocument(() => {
    addEventListener("securitypolicyviolation", (event) => {
      window.reportViolation(`${event.effectiveDirective} ${event.blockedURI}`);
    });
  });
  // That the page itself was answered 402, browsers tell as an error of theirs.
  const status402 = /the server responded with a status of 402/;
  page.on("console", (message) => {
    if (message.type() === "error" && !status402.test(message.text())) seen.errors.push(message.text());
  });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("dialog", (dialog) => {
    seen.dialogs.push(dialog.message());
    dialog.dismiss();
  });

  let lost = Number(options.loses);
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    const to = new URL(request.url());
    if (/^https?:$/.test(to.protocol) && to.origin !== new URL(url).origin) seen.elsewhere.push(to.href);
    const payment = request.headers()["payment-signature"];
    if (payment) seen.payments.push(payment);
    if (payment && lost-- > 0) request.abort("connectionreset");
    else request.continue();
  });

  const answer = await page.goto(url);
  seen.status = answer.status();
  seen.type = answer.headers()["content-type"];
  seen.policy = answer.headers()["content-security-policy"];
  await page.waitForSelector("#wallets button");
  seen.title = await page.title();
  seen.heading = await page.$eval("h1", (heading) => heading.textContent);
  seen.price = await page.$eval("#offers", (offers) => offers.innerText.trim());
  seen.images = await page.$$eval("main > :not(#pay) img", (images) => images.length);
  if (options.before) await page.screenshot({ path: options.before, fullPage: true });

  for (let click = 0; click < Number(options.clicks); click++) {
    const again = await page.$("#again:not([hidden])");
    if (again) {
      await setTimeout(Number(options.patience));
      await again.click();
    } else {
      // Who clicks twice means one payment.
      await page.click("#wallets button", { count: 2 });
    }
    const ended = "#result:not([hidden]), #status.bad";
    // The last bad news go before the next come.
    await page.waitForFunction((ended) => document.querySelector(ended), {}, ended);
    if (await page.$("#result:not([hidden])")) break;
    seen.said.push(await page.$eval("#status", (status) => status.textContent));
  }

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
  seen.calls = wallet.calls;
  if (options.screenshot) await page.screenshot({ path: options.screenshot, fullPage: true });
} catch (error) {
  seen.failure = String(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
