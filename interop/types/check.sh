#!/usr/bin/env bash
# Makes TypeScript and Python types from the published schemas, and reads recorded messages with them.
# Usage: ./check.sh [RECORDING]    a file that X402_RECORD named; messages.jsonl where none is given
set -euo pipefail
recording=$(realpath "${1:-$(dirname "$0")/messages.jsonl}")
cd "$(dirname "$0")"

made=$(mktemp -d "$PWD/made-XXXXXX")
trap 'rm -rf "$made"' EXIT

for role in client server facilitator; do
    schema=../../schemas/roles/$role.json
    node_modules/.bin/json2ts --ignoreMinAndMaxItems "$schema" "$made/$role.d.ts"
    .venv/bin/datamodel-codegen --input "$schema" --input-file-type jsonschema \
        --output-model-type pydantic_v2.BaseModel --target-python-version 3.10 \
        --formatters builtin --disable-warnings --output "$made/$role.py"
done

node messages.mjs "$recording" "$made"
cp official.ts "$made"
node_modules/.bin/tsc --noEmit --strict --skipLibCheck --module nodenext --target es2022 --types '' "$made"/*.ts
.venv/bin/python models.py "$made"
