#!/bin/sh
# Gets the peers of bench/async that other languages have, with go, cargo, npm and Python's venv, into
# build/release/bench/peers; says which cannot be had, and why. `make bench-peers` installs those tools first, where it can.

set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../../.." && pwd)
to=${PGM_BUILD_ROOT:-$root/build}/release/bench/peers
mkdir -p "$to" || exit
to=$(CDPATH='' cd -- "$to" && pwd)
log=$to/log

# get NAME TOOL COMMAND...: the command makes the program $to/NAME.
get() {
	name=$1 tool=$2
	shift 2
	rm -f "$to/$name"
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "absent: $name (no $tool)"
	elif "$@" >"$log" 2>&1; then
		echo "there: $name"
	else
		echo "absent: $name ($tool: $(grep -v '^ *$' "$log" | tail -n 1))"
		rm -f "$to/$name"
	fi
}

# program NAME COMMAND: $to/NAME becomes a script that runs it.
program() {
	printf '#!/bin/sh\nexec %s "$@"\n' "$2" >"$to/$1" && chmod 755 "$to/$1"
}

pgx() {
	rm -rf "$to/go" && cp -R "$here/pgx" "$to/go" &&
		(cd "$to/go" && go mod init bench-pgx && go mod tidy && go build -o "$to/pgx" .)
}

tokio() {
	rm -rf "$to/rust" && cp -R "$here/tokio-postgres" "$to/rust" &&
		(cd "$to/rust" && cargo build --quiet --release) &&
		cp "$to/rust/target/release/bench-tokio-postgres" "$to/tokio-postgres"
}

node_packages() {
	mkdir -p "$to/node" && cp "$here/node/package.json" "$to/node" &&
		npm install --silent --no-audit --no-fund --prefix "$to/node"
}

# node_peer NAME: the module, which is loaded to see whether it can be.
node_peer() {
	case $1 in
	pg-native) try="import pg from 'pg'; if (!pg.native) process.exit(1)" ;;
	postgres.js) try="import 'postgres'" ;;
	*) try="import 'pg'" ;;
	esac
	[ -d "$to/node/node_modules" ] || node_packages || return
	cp "$here/node/peer.mjs" "$to/node"
	(cd "$to/node" && node --input-type=module --eval "$try") && program "$1" "node '$to/node/peer.mjs' $1"
}

# python_peer NAME PACKAGE...
python_peer() {
	name=$1
	shift
	[ -x "$to/python/bin/python" ] || python3 -m venv "$to/python" || return
	"$to/python/bin/pip" install --quiet "$@" && "$to/python/bin/python" -c "import $name" &&
		program "$name" "'$to/python/bin/python' '$here/peer.py' $name"
}

get tokio-postgres cargo tokio
get pgx go pgx
for peer in pg-native postgres.js pg; do
	get $peer npm node_peer $peer
done
get asyncpg python3 python_peer asyncpg asyncpg uvloop
get psycopg python3 python_peer psycopg 'psycopg[binary,pool]'
rm -f "$log"
