#!/bin/sh
# Runs an example as its reader would: with a configuration file, written for the throwaway server.
#
#   run-example.sh [--type CONNECTION_TYPE] PROGRAM [ARGUMENT...]

set -eu
type=
[ "${1:-}" != --type ] || { type=$2; shift 2; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-example.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' HUP INT TERM

# In single quotes YAML has one special character, the quote.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")"; }

umask 077
cat >"$dir/db.yaml" <<YAML
${type:+connection_type: $type}
connection_settings:
  host: $(quoted "$PGM_TEST_HOST")
  port: $(quoted "$PGM_TEST_PORT")
  dbname: $(quoted "$PGM_TEST_DBNAME")
  user: $(quoted "$PGM_TEST_USER")
  password: $(quoted "$PGM_TEST_PASSWORD")
pool_settings:
  min_size: 1
  max_size: 4
async_pool_settings:
  min_size: 1
  max_size: 4
YAML
"$@" "$dir/db.yaml"
