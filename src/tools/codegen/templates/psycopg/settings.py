class TextLoader(yaml.SafeLoader):
    """Every value is the text that was written, whatever it looks like; null and merge keys work."""


TextLoader.yaml_implicit_resolvers = {
    first: [rule for rule in rules if rule[0] in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def is_yes(value):
    return value.lower() in ("true", "yes", "on", "1")


def section(document, name):
    """The settings of one section that have a value; only a password may be an empty one."""
    settings = document.get(name) or {}
    if not isinstance(settings, dict):
        raise ValueError(f"expected {name} to be a mapping")
    for key, value in settings.items():
        if not isinstance(value, (str, type(None))):
            raise ValueError(f"expected {name}.{key} to be one value")
    return {key: value for key, value in settings.items() if value or (key == "password" and value == "")}


def read_config(path):
    """The document of a YAML file. Files of older programs have everything under one key."""
    with open(path, encoding="utf-8") as file:
        document = yaml.load(file, Loader=TextLoader) or {}
    if not isinstance(document, dict):
        raise ValueError("expected the file to be a mapping")
    return document.get("postgresql") or document


def connect_arguments(document):
    """What psycopg.connect takes: libpq's keywords, and autocommit."""
    arguments = section(document, "connection_settings")
    arguments["autocommit"] = is_yes(arguments.get("autocommit", "false"))
    for key in ("keepalives", "sslsni"):  # libpq wants 1 and 0
        if key in arguments:
            arguments[key] = "1" if is_yes(arguments[key]) else "0"
    return arguments
