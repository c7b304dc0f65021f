// Counts what a seller writes to charge for a route, and prints the table of README.md.
// Usage: node count.mjs, or node count.mjs --check, which fails where README.md says otherwise.
import { readFileSync } from "node:fs";

const PROGRAMS = [
  ["ours_axum.rs", "**`x402-axum`**, axum"],
  ["ours_axum_in_code.rs", "**`x402-axum`**, axum, settings in code"],
  ["ours_actix.rs", "**`x402-actix`**, actix-web"],
  ["ours_actix_in_code.rs", "**`x402-actix`**, actix-web, settings in code"],
  ["express.mjs", "`@x402/express` 2.27.0, express"],
  ["x402_rs.rs", "`x402-axum` 2.0.2 of x402-rs, axum"],
  ["r402.rs", "`r402` 0.21.0, axum"],
];
// Which must be the same program but for their marked lines.
const SAME = [
  ["ours_axum.rs", "ours_axum_in_code.rs", "x402_rs.rs", "r402.rs"],
  ["ours_actix.rs", "ours_actix_in_code.rs"],
];
const MARK = " // paid";
const README = "README.md";
const [BEGIN, END] = ["<!-- count.mjs -->", "<!-- end -->"];

function read(file) {
  return readFileSync(new URL(file, import.meta.url), "utf8");
}

/** The lines of a program but for empty ones and comments, without their marks. */
function linesOf(file) {
  const lines = read(file).split("\n").filter((line) => !/^\s*(\/\/.*)?$/.test(line));
  return lines.map((line) => {
    const paid = line.endsWith(MARK);
    return { paid, text: paid ? line.slice(0, -MARK.length) : line };
  });
}

/** The package an import is from; nothing for other lines. */
function packageOf(line) {
  const rust = /^use (\w+)::/.exec(line);
  if (rust) return rust[1].replaceAll("_", "-");
  return /^import .* from "((?:@[^/"]+\/)?[^/"]+)/.exec(line)?.[1];
}

function row([file, name]) {
  const lines = linesOf(file);
  const paid = lines.filter((line) => line.paid).map((line) => line.text);
  const characters = paid.join("").replaceAll(/\s/g, "").length;
  const packages = new Set(paid.map(packageOf).filter(Boolean)).size;
  const cells = [`[${name}](./${file})`, lines.length, paid.length, characters, packages];
  return `| ${cells.join(" | ")} |`;
}

/** What is wrong with the marks: on one framework, the lines without them must be the same. */
function mistakes([first, ...others]) {
  const free = (file) => linesOf(file).filter((line) => !line.paid).map((line) => line.text).join("\n");
  const different = others.filter((file) => free(file) !== free(first));
  return different.map((file) => `${file} and ${first} differ in lines that are not marked as paid`);
}

const table = [
  "| | lines of the program | because of payment | characters of these | packages to add |",
  "|---|---|---|---|---|",
  ...PROGRAMS.map(row),
].join("\n");
console.log(table);

const wrong = SAME.flatMap(mistakes);
if (process.argv[2] === "--check") {
  const written = read(README).split(BEGIN)[1]?.split(END)[0]?.trim();
  if (written !== table) wrong.push(`${README} has another table: put this one between ${BEGIN} and ${END}`);
}
for (const mistake of wrong) console.error(mistake);
process.exitCode = wrong.length === 0 ? 0 : 1;
