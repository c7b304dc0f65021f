"""Reads messages with the Python models that were made of the schemas.

Usage: python models.py FOLDER    FOLDER has the models, and messages.jsonl
"""

import importlib
import json
import sys
from pathlib import Path

from pydantic import BaseModel, ValidationError

ROLES = {"client": "ClientMessages", "server": "ServerMessages", "facilitator": "FacilitatorMessages"}
SCHEMAS = Path(__file__).parent.parent.parent / "schemas" / "roles"

folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
models = {role: importlib.import_module(role) for role in ROLES}

for role, made in models.items():
    for name in json.loads((SCHEMAS / f"{role}.json").read_text())["$defs"]:
        if not issubclass(getattr(made, name), BaseModel):
            sys.exit(f"{role}.py has no model {name}")

read = 0
for line in (folder / "messages.jsonl").read_text().splitlines():
    case = json.loads(line)
    role, text = case["role"], json.dumps(case["message"])
    try:
        getattr(models[role], ROLES[role]).model_validate_json(text)
        if not case["valid"]:
            sys.exit(f"{role}.py reads a broken message: {text}")
        read += 1
    except ValidationError as error:
        if case["valid"]:
            sys.exit(f"{role}.py: {error}\n{text}")
print(f"pydantic read {read} messages")
