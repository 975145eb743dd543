NEVER = 10 * 365 * 86400.0  # seconds


def pool_arguments(document, name, pool_class):
    """What a psycopg_pool takes. The defaults are those of pgmonkey."""
    settings = section(document, name)

    def number(key, default):
        return int(settings.get(key, default))

    max_size = number("max_size", 20)
    arguments = {
        "min_size": number("min_size", min(5, max_size)),
        "max_size": max_size,
        "timeout": number("timeout", 30),
        "max_waiting": number("max_waiting", 0),
        "max_idle": number("max_idle", 300) or NEVER,
        "max_lifetime": number("max_lifetime", 3600) or NEVER,
        "reconnect_timeout": number("reconnect_timeout", 300) or NEVER,
        "num_workers": number("num_workers", 3),
    }
    if is_yes(settings.get("check_on_checkout", "false")):
        if not hasattr(pool_class, "check_connection"):
            raise ValueError(f"{name}.check_on_checkout needs psycopg_pool 3.2 or newer")
        arguments["check"] = pool_class.check_connection
    return arguments
