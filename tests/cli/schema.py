"""Asks a JSON schema and the program's own loader about the same YAML files, and wants the same answer.

schema.py agree SCHEMA JUDGE      each key with each value, and hundreds of files made at random (PGM_SCHEMA_SEED repeats
                                  a run); JUDGE is the loader, see config_judge.c
schema.py check SCHEMA FILE...    exit status 1 if one of them is not valid
"""

import json
import os
import random
import re
import subprocess
import sys

import jsonschema
import yaml

FILES = 500


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


def ask_loader(judge, texts):
    """For each text: does the loader take it, without a warning of an unknown key?"""
    asked = "".join(text + "\0" for text in texts)
    answers = subprocess.run([judge], input=asked, capture_output=True, encoding="utf-8", check=True).stdout.split()
    if len(answers) != len(texts):
        sys.exit(f"{judge}: {len(answers)} answers to {len(texts)} texts")
    return [answer == "1" for answer in answers]


# Values that lie on both sides of each border, as they are written.
BORDERS = [0, 1, 10000, 65535, 2147483647]
NUMBERS = sorted({n for b in BORDERS for k in range(11) for n in (b - 10**k, b, b + 10**k) if n >= 0})
VALUES = (
    [str(n) for n in NUMBERS]
    + [f"'{n}'" for n in NUMBERS]
    + ["007", "'007'", "'00000000000000005432'", "-1", "'-1'", "'+5'", "'5.0'", "'1e3'", "'0x10'", "' 5'", "'5 '", "5s"]
    + ["true", "false", "True", "FALSE", "yes", "No", "ON", "oFf", "'true'", "'tRuE'", "maybe", "y", "'2'", "tru"]
    + ["''", '""', "", "~", "null", "'null'", "'~'"]
    + ["[]", "[1]", "{}", "{a: b}", "text", "'two words'", "grün", "'1,2'", "a=b", "','", "1.5"]
    + ["postgresql://u@h/d", "'see postgres://h'", "postgresql"]
    + ["normal", "pool", "async", "async_pool", "Pool", "pools"]
    + ["disable", "prefer", "verify-full", "verify_full", "PREFER"]
)
NAMES = ["work_mem", "a.b", "a..b", ".a", "a.", "a b", "1a", "a1", "a$b", "$a", "größe", "a-b", "_x", "A.B_c.d9", "a:b", "", "hosst", "Port"]
NAMES += ["host", "hostaddr", "sslsni", "passfile", "options", "sslpassword", "max_size", "connection_type"]
SECTIONS = ["", "~", "null", "{}", "[]", "text", "''", "5", "true"]


def quoted(key):
    return "'" + key.replace("'", "''") + "'"


def random_entry(rng, section):
    keys = NAMES if rng.random() < 0.1 else sorted(section["properties"])
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


def compare(validator, judge, cases, what):
    """cases: pairs of a text and what it reads as."""
    outcomes = {True: 0, False: 0}
    for (text, data), taken in zip(cases, ask_loader(judge, [text for text, _ in cases])):
        if validator.is_valid(data) != taken:
            sys.exit(f"{what}: only the {'loader' if taken else 'schema'} takes this file:\n{text}")
        outcomes[taken] += 1
    print(f"{what}: {outcomes[True]} good files, {outcomes[False]} bad ones")
    if min(outcomes.values()) < len(cases) / 10:
        sys.exit("too few files of one kind to say anything")


def every_value(schema):
    """Each key, known or not, of each section with each value."""
    values = [(value, read(value)) for value in VALUES]
    for section, definition in schema["definitions"].items():
        for key in sorted(set(definition["properties"]) | set(NAMES)):
            for value, data in values:
                text, whole = f"{section}:\n  {quoted(key)}: {value}\n", {key: data}
                if key == "min_size":  # that it is above max_size no schema can tell
                    text, whole = text + "  max_size: 10000\n", {key: data, "max_size": 10000}
                yield text, {section: whole}
    for value, data in values:
        yield f"connection_type: {value}\n", {"connection_type": data}


def random_files(schema, seed):
    rng = random.Random(seed)
    found = 0
    while found < FILES:
        text = random_file(rng, schema)
        if "'min_size'" not in text:  # as above
            found += 1
            yield text, read(text)


def agree(schema, judge):
    seed = int(os.environ.get("PGM_SCHEMA_SEED") or random.randrange(10**9))
    validator = jsonschema.Draft7Validator(schema)
    compare(validator, judge, list(every_value(schema)), "each key with each value")
    compare(validator, judge, list(random_files(schema, seed)), f"PGM_SCHEMA_SEED={seed}")


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
