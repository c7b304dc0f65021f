// Validates recorded messages against the schema of their role, and hands them on to the compilers.
// Usage: node messages.mjs RECORDING FOLDER    FOLDER has the generated types
//
// Each message, and each extension in it, becomes an object with one property, as the root of a
// role's schema wants it. Of each kind one is broken besides, which every reader has to refuse.
import { readFileSync, writeFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

const [recording, folder] = process.argv.slice(2);
const ROLES = { buyer: "client", seller: "server", facilitator: "facilitator" };
const TERMS = {
  bazaar: "bazaarExtension",
  "builder-code": "builderCodeExtension",
  eip2612GasSponsoring: "eip2612GasSponsoringInfoExtension",
  erc20ApprovalGasSponsoring: "erc20ApprovalGasSponsoringInfoExtension",
  "offer-receipt": "signedOffersExtension",
  "payment-identifier": "paymentIdentifierExtension",
  "sign-in-with-x": "signInWithXChallenge",
};
// Where a payment does not only echo the terms.
const ANSWERED = {
  eip2612GasSponsoring: "eip2612PermitExtension",
  erc20ApprovalGasSponsoring: "erc20ApprovalExtension",
};
const SETTLED = { "offer-receipt": "receiptInfoExtension" };

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const roles = {};
for (const role of Object.values(ROLES)) {
  const schema = JSON.parse(readFileSync(new URL(`../../schemas/roles/${role}.json`, import.meta.url)));
  roles[role] = { schema, valid: ajv.compile(schema), broken: new Set() };
  sameNames(role, schema);
}

const messages = [];
const counts = {};
for (const [index, line] of readFileSync(recording, "utf8").split("\n").entries()) {
  if (!line) continue;
  const recorded = JSON.parse(line);
  const role = ROLES[recorded.role];
  if (!role) throw new Error(`line ${index + 1}: no role is called ${recorded.role}`);
  const name = recorded.message[0].toLowerCase() + recorded.message.slice(1);
  for (const [property, json] of [[name, recorded.json], ...extensions(name, recorded.json, role)]) {
    check(role, property, json, `line ${index + 1}, ${recorded.role} (${recorded.implementation})`);
  }
}
if (messages.length === 0) throw new Error(`${recording} has no message`);
writeFileSync(`${folder}/messages.jsonl`, messages.map((each) => `${JSON.stringify(each)}\n`).join(""));
writeFileSync(`${folder}/messages.ts`, typescript());
for (const [role, { schema }] of Object.entries(roles)) {
  for (const property of Object.keys(schema.properties)) {
    console.log(`${role} ${property}: ${counts[`${role} ${property}`] ?? 0}`);
  }
}

/** A type for each definition, under its name, and no other. */
function sameNames(role, schema) {
  const made = readFileSync(`${folder}/${role}.d.ts`, "utf8");
  const found = [...made.matchAll(/^export \w+ (\w+)/gm)].map(([, name]) => name).sort().join();
  const expected = [schema.title, ...Object.keys(schema.$defs)].sort().join();
  if (found !== expected) throw new Error(`${role}.d.ts exports ${found}, not ${expected}`);
}

function extensions(name, json, role) {
  return Object.entries((json?.paymentPayload ?? json)?.extensions ?? {})
    .map(([key, extension]) => {
      if (name === "settleResponse") return [SETTLED[key], extension];
      return [(extension?.info?.from && ANSWERED[key]) || TERMS[key], extension];
    })
    .filter(([property]) => property in roles[role].schema.properties);
}

function check(role, property, json, where) {
  const { schema, valid, broken } = roles[role];
  const message = { [property]: json };
  if (!valid(message)) throw new Error(`${where}: ${ajv.errorsText(valid.errors)}\n${JSON.stringify(json)}`);
  messages.push({ role, valid: true, message });
  counts[`${role} ${property}`] = (counts[`${role} ${property}`] ?? 0) + 1;
  if (broken.has(property)) return;
  broken.add(property);
  const { required } = schema.$defs[schema.properties[property].$ref.split("/").at(-1)];
  const { [required[0]]: _, ...rest } = json;
  if (valid({ [property]: rest })) throw new Error(`${role}: a ${property} without ${required[0]} is valid`);
  messages.push({ role, valid: false, message: { [property]: rest } });
}

function typescript() {
  const imports = Object.entries(roles).map(
    ([role, { schema }]) => `import type { ${schema.title} } from "./${role}.d.ts";`,
  );
  const values = messages.map(({ role, valid, message }, index) => {
    const refused = valid ? "" : "// @ts-expect-error\n";
    return `${refused}export const m${index}: ${roles[role].schema.title} = ${JSON.stringify(message)};`;
  });
  return [...imports, ...values, ""].join("\n");
}
