#!/bin/sh
# Runs one program with each connection type; what it prints must be the same but for the type's name.
#
#   run-four-types.sh PROGRAM

set -eu
scripts=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
expected=

for type in normal pool async async_pool; do
	said=$("$scripts/run-example.sh" --type "$type" "$1")
	echo "$said"
	case $said in "$type: "*) ;; *) echo "it does not call itself $type" >&2; exit 1 ;; esac
	rest=${said#"$type"}
	[ "$rest" = "${expected:=$rest}" ] || { echo "$type differs from normal" >&2; exit 1; }
done
