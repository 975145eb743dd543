/* The JSON schema of the YAML file (https://json-schema.org, draft 7), by which editors check and complete it. */
#ifndef PGM_CLI_SCHEMA_H
#define PGM_CLI_SCHEMA_H

/*
 * The schema, made from the settings table and the keywords of the linked libpq. It accepts what the loader takes
 * without a warning of an unknown key. What only the spelling tells is beyond it, as are two values of which one bounds
 * the other: 5.0, 0x10, +5 or min_size above max_size. Owner: the caller, free(3). NULL: out of memory.
 */
char *cli_schema_text(void);

/*
 * Where the schema lies, as the first line of a YAML file names it: a path, or a URL where a path would not do. Found from
 * the program's own place, since what is installed may be moved. Owner: the caller, free(3). NULL: there is none.
 */
char *cli_schema_address(void);

#endif
