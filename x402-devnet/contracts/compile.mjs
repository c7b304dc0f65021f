// Compiles every .sol of this folder to an artifact of the same name. What has no code of its own,
// an interface or an abstract contract, has none.
//
//   npm install --no-package-lock
//   node compile.mjs            writes X.json for the contract X in X.sol
//   node compile.mjs --check    fails where an artifact is not what its source compiles to

import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, parse } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const folder = dirname(fileURLToPath(import.meta.url));
const check = process.argv.includes("--check");

// No metadata in the code: the same source gives the same bytes wherever it is compiled.
const settings = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 10000 },
  metadata: { appendCBOR: false, bytecodeHash: "none" },
};

const pinned = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).dependencies.solc;
if (!solc.version().startsWith(`${pinned}+`)) {
  fail([`solc ${pinned} is wanted, ${solc.version()} is installed`]);
}

const files = readdirSync(folder).filter((file) => file.endsWith(".sol")).sort();
const output = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: "Solidity",
      sources: Object.fromEntries(
        files.map((file) => [file, { content: readFileSync(join(folder, file), "utf8") }]),
      ),
      settings: {
        ...settings,
        outputSelection: {
          "*": {
            "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"],
          },
        },
      },
    }),
  ),
);
const complaints = (output.errors ?? []).map((error) => error.formattedMessage);
if (complaints.length > 0) fail(complaints);

let count = 0;
const stale = [];
for (const file of files) {
  const { name } = parse(file);
  const contract = output.contracts[file]?.[name];
  if (!contract) fail([`${file} has no contract named ${name}`]);
  const { bytecode, deployedBytecode } = contract.evm;
  if (deployedBytecode.object === "") continue;
  if (Object.keys(deployedBytecode.immutableReferences ?? {}).length > 0) {
    fail([`${name} has immutables: its runtime code cannot be placed at an address as it is`]);
  }
  count += 1;
  const artifact = `${JSON.stringify(
    {
      contractName: name,
      sourceName: file,
      compiler: { name: "solc", version: pinned, settings },
      abi: contract.abi,
      bytecode: `0x${bytecode.object}`,
      deployedBytecode: `0x${deployedBytecode.object}`,
    },
    null,
    2,
  )}\n`;
  const path = join(folder, `${name}.json`);
  if (existsSync(path) && readFileSync(path, "utf8") === artifact) continue;
  if (check) stale.push(`${name}.json differs from what ${file} compiles to`);
  else writeFileSync(path, artifact);
}
if (stale.length > 0) fail(stale);
console.log(`${count} contracts ${check ? "checked" : "compiled"} with solc ${pinned}`);

function fail(lines) {
  for (const line of lines) console.error(line);
  process.exit(1);
}
