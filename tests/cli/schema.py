"""Asks a JSON schema and the program's own loader about the same YAML files, and wants the same answer.

schema.py agree SCHEMA PROGRAM    some hundred files made at random; PGM_SCHEMA_SEED repeats a run
schema.py check SCHEMA FILE...    exit status 1 if one of them is not valid
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

FILES = 300


class CoreLoader(yaml.SafeLoader):
    """The core schema of YAML 1.2, by which editors read: no yes and no, no 010 for eight, no dates."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("merge", r"^<<$", ["<"]),
):
    CoreLoader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), first)


def construct_int(loader, node):
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def construct_float(loader, node):
    return float(loader.construct_scalar(node))


CoreLoader.add_constructor("tag:yaml.org,2002:int", construct_int)
CoreLoader.add_constructor("tag:yaml.org,2002:float", construct_float)


def read(text):
    return yaml.load(text, Loader=CoreLoader)


def loader_accepts(program, text, path):
    """Takes the file, and warns of no unknown key. It does not connect."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o600)
    done = subprocess.run(
        [program, "pgconfig", "generate-code", "--filepath", path], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"exit status {done.returncode}: {done.stderr}")
    return done.returncode == 0 and "unknown key" not in done.stderr


# Values that lie on both sides of each border, as they are written.
NUMBERS = [0, 1, 2, 9, 10, 5432, 9999, 10000, 10001, 65535, 65536, 99999, 2147483647, 2147483648, 99999999999]
VALUES = (
    [str(n) for n in NUMBERS]
    + [f"'{n}'" for n in NUMBERS]
    + ["007", "'007'", "'00000000000000005432'", "-1", "'-1'", "'+5'", "'5.0'", "'1e3'", "'0x10'", "' 5'", "'5 '", "5s"]
    + ["true", "false", "True", "FALSE", "yes", "No", "ON", "oFf", "'true'", "'tRuE'", "maybe", "y", "'2'", "tru"]
    + ["''", '""', "", "~", "null", "'null'", "'~'"]
    + ["[]", "[1]", "{}", "{a: b}", "text", "'two words'", "grün", "'1,2'", "a=b", "',' ", "1.5"]
    + ["postgresql://u@h/d", "'see postgres://h'", "postgresql"]
    + ["normal", "pool", "async", "async_pool", "Pool", "pools"]
    + ["disable", "prefer", "verify-full", "verify_full", "PREFER"]
)
NAMES = ["work_mem", "a.b", "a..b", ".a", "a.", "a b", "1a", "a1", "a$b", "$a", "größe", "a-b", "_x", "A.B_c.d9", "a:b"]
SECTIONS = ["", "~", "null", "{}", "[]", "text", "''", "5", "true"]


def quoted(key):
    return "'" + key.replace("'", "''") + "'"


def random_entry(rng, section):
    keys = sorted(section["properties"])
    if rng.random() < 0.1:
        keys = NAMES + ["hosst", "", "Port", "min_size", "dbname"]
    return rng.choice(keys), rng.choice(VALUES)


def random_section(rng, section, indent):
    entries = dict(random_entry(rng, section) for _ in range(rng.choice([1, 1, 1, 2, 3])))
    return "".join(f"\n{indent}  {quoted(key)}: {value}" for key, value in entries.items())


def random_file(rng, schema):
    definitions = schema["definitions"]
    legacy = rng.random() < 0.1
    indent = "  " if legacy else ""
    lines = ["postgresql:"] if legacy else []
    names = rng.sample(sorted(definitions), rng.choice([1, 1, 1, 2]))
    if rng.random() < 0.1:
        names.append(rng.choice(["pool_setings", "name", "postgresql", "x"]) if not legacy else "x")
    for name in names:
        body = rng.choice(SECTIONS) if rng.random() < 0.1 or name not in definitions else None
        lines.append(f"{indent}{name}: {random_section(rng, definitions[name], indent) if body is None else body}")
    if rng.random() < 0.2:
        lines.append(f"{indent}connection_type: {rng.choice(VALUES)}")
    return "\n".join(lines) + "\n"


def agree(schema, program):
    seed = int(os.environ.get("PGM_SCHEMA_SEED") or random.randrange(10**9))
    rng = random.Random(seed)
    validator = jsonschema.Draft7Validator(schema)
    outcomes = {True: 0, False: 0}
    with tempfile.TemporaryDirectory(prefix="pgm-schema.") as folder:
        path = os.path.join(folder, "db.yaml")
        while sum(outcomes.values()) < FILES:
            text = random_file(rng, schema)
            if "'min_size'" in text:  # whether it is above max_size no schema can tell
                continue
            valid = validator.is_valid(read(text))
            if valid != loader_accepts(program, text, path):
                word = "accepts" if valid else "refuses"
                sys.exit(f"PGM_SCHEMA_SEED={seed}: only the schema {word} this file:\n{text}")
            outcomes[valid] += 1
    print(f"seed {seed}: {outcomes[True]} good files, {outcomes[False]} bad ones")
    if min(outcomes.values()) < FILES / 10:
        sys.exit("too few files of one kind to say anything")


def check(schema, paths):
    bad = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for error in jsonschema.Draft7Validator(schema).iter_errors(read(file.read())):
                print(f"{path}: {'.'.join(str(part) for part in error.path)}: {error.message}")
                bad = 1
    return bad


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    if sys.argv[1] == "agree":
        agree(schema, sys.argv[3])
    elif sys.argv[1] == "check":
        sys.exit(check(schema, sys.argv[3:]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
