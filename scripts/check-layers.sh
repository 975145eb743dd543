#!/bin/sh
# The layers call downwards only: base <- config <- connection <- manager <- tools <- cli. libpq is called where
# connections live, and in the tools that run SQL.

set -u
cd "$(dirname "$0")/../src" || exit 1
bad=0

# complain PATTERN FOLDER REASON: lines of the folder's sources that match are wrong.
complain() {
	[ -d "$2" ] || return 0
	found=$(find "$2" -name '*.[ch]' -exec grep -nE "$1" /dev/null {} +)
	[ -z "$found" ] && return 0
	printf '%s\n' "$found" | sed "s|^|src/|; s|\$|    <- $3|" >&2
	bad=1
}

complain '^#include "(config|connection|manager|tools|cli)/' base "base includes no other layer"
complain '^#include "(connection|manager|tools|cli)/' config "config includes base only"
complain '^#include "(manager|tools|cli)/' connection "connection includes base and config"
complain '^#include "(tools|cli)/' manager "manager includes what is below it"
complain '^#include "(config/([^y]|y[^a])|(connection|manager|cli)/)' tools "tools use the public headers, base and the YAML tree"
for folder in base config manager cli; do
	complain '(^|[^A-Za-z_])PQ[a-zA-Z]+\(' $folder "libpq is called in src/connection"
done
exit $bad
