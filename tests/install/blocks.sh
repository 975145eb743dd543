#!/bin/bash
# blocks.sh CMAKE BUILD: each block of code in README.md and docs/*.md is taken out and tried against an installed copy and
# a real server (PGM_TEST_*). Prints TAP, a case for each block, named after its place.
#
#   c, cpp     with main: compiled and run with a configuration file as its argument. Else: it stands in one of examples/, which
#              are run by tests of their own; or it is functions, of which the one that takes (pgm_db *, pgm_error *) is called;
#              or it is statements, run where db, conn, config and err are at hand. A block that includes nothing goes on
#              with the functions of its page
#   sh         run, in a folder of its page's own that holds the examples' sources and a db.yaml; of make, what it would do
#   yaml       read without a warning, and opened; one of a CSV file's settings: exported with
#   sql        run by the superuser, and rolled back
#   ini        given to PgBouncer as its file
#   cmake      configured and built, beside hello.c
#   json       read
#   python     compiled
#   none, text what is shown on a terminal: the commands behind "$ " are those that the program knows
#
# Tables for them to read: item (id, name), customers (id, name, paid, note).

set -u
cmake=$1
build=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
source=$(CDPATH='' cd -- "$here/../.." && pwd) || exit 1
cc=${CC:-cc} cxx=${CXX:-c++}

work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-blocks.XXXXXX") || exit 1
schema=blocks_$$
trap 'as_superuser -c "DROP SCHEMA IF EXISTS $schema CASCADE" >/dev/null 2>&1; rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
unset DESTDIR CMAKE_PREFIX_PATH LD_LIBRARY_PATH CFLAGS LDFLAGS
. "$source/tests/support/tap.sh"
. "$source/tests/support/lib.sh"
umask 077

# as_superuser [OPTION...]: what comes in, or what the options say.
as_superuser() {
	PGPASSWORD=$PGM_TEST_SUPERUSER_PASSWORD PGOPTIONS='' "$PGM_PG_BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -h "$PGM_TEST_HOST" \
		-p "$PGM_TEST_PORT" -U "$PGM_TEST_SUPERUSER" -d "$PGM_TEST_DBNAME" "$@"
}

# ------------------------------------------------------------------------------ the ground

# In single quotes YAML has one special character, the quote.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")"; }
prepare() {
	"$cmake" --install "$build" --prefix "$work/copy" >/dev/null || return
	lib=$work/copy/lib
	for found in "$work"/copy/lib*/pkgconfig "$work"/copy/lib/*/pkgconfig; do
		[ ! -d "$found" ] || lib=${found%/pkgconfig}
	done
	export PKG_CONFIG_PATH="$lib/pkgconfig" LD_LIBRARY_PATH="$lib" DYLD_LIBRARY_PATH="$lib"
	for name in host port dbname user password; do
		variable=PGM_TEST_$(printf %s "$name" | tr '[:lower:]' '[:upper:]')
		printf '  %s: %s\n' "$name" "$(quoted "${!variable}")"
	done | sed '1i connection_settings:' >"$work/db.yaml"
	as_superuser >/dev/null <<-END || return
		CREATE SCHEMA $schema AUTHORIZATION "$PGM_TEST_USER";
		SET ROLE "$PGM_TEST_USER";
		SET search_path = $schema;
		CREATE TABLE item (id int PRIMARY KEY, name text);
		INSERT INTO item VALUES (42, 'towel');
		CREATE TABLE customers (id int PRIMARY KEY, name text, paid numeric, note text);
		INSERT INTO customers VALUES (1, 'Ann', 12.5, 'likes; semicolons'), (2, 'Bob', NULL, '');
	END
	export PGOPTIONS="-c search_path=$schema"
	# For psql, and for programs on libpq alone.
	export PGHOST="$PGM_TEST_HOST" PGPORT="$PGM_TEST_PORT" PGDATABASE="$PGM_TEST_DBNAME" PGUSER="$PGM_TEST_USER"
	export PGPASSWORD="$PGM_TEST_PASSWORD"
	# As in a page somebody fills the file in after it was made, so here.
	mkdir "$work/bin" && cat >"$work/bin/pgmonkey" <<-END && chmod +x "$work/bin/pgmonkey"
		#!/bin/sh
		[ "\$1 \$2 \$3" = "pgconfig create --filepath" ] || exec "$work/copy/bin/pgmonkey" "\$@"
		rm -f "\$4" && "$work/copy/bin/pgmonkey" "\$@" && cp "$work/db.yaml" "\$4"
	END
	cat >"$work/read.c" <<-'END'
		#include <pgmonkey.h>
		#include <stdio.h>
		int main(int argc, char **argv)
		{
			pgm_error err = {0};
			pgm_open_options options = {.size = sizeof options, .lazy = true};
			pgm_config *config = argc > 1 ? pgm_config_load(argv[1], &err) : NULL;
			pgm_db *db = config ? pgm_manager_open(NULL, config, &options, &err) : NULL;

			if (!db)
				fprintf(stderr, "%s\n", err.message);
			pgm_config_free(config);
			return db ? 0 : 1;
		}
	END
	compile "$work/read" "$work/read.c"
}

# Into $work/blocks: PAGE, LINE, LANGUAGE of each in the list, its text in a file of that number.
extract() {
	mkdir "$work/blocks"
	for page in README.md docs/*.md; do
		awk -v dir="$work/blocks" -v page="$page" -v n="$(ls "$work/blocks" | wc -l)" '
			/^ *```/ && !on { on = 1; file = dir "/" n++; sub(/^ *```/, ""); print page, FNR, $0 == "" ? "none" : $1, file
					printf "" >file; next }
			/^ *```/ { on = 0; close(file); next }
			on { print >file }' "$page"
	done >"$work/list"
}

# ------------------------------------------------------------------------------ c, cpp

compile() {
	eval "$cc -std=gnu11 -Wall -Wextra -Werror -Wno-unused-function" '-o "$1" "$2"' "$(pkg-config --cflags --libs pgmonkey) -pthread"
}
# A loop's flags only where the block includes it.
compile_whole() {
	case $(cat "$2") in
	*adapters/uv.h*) loop=libuv ;;
	*adapters/event.h*) loop=libevent_core ;;
	*adapters/glib.h*) loop=glib-2.0 ;;
	*) loop= ;;
	esac
	case $1 in
	cpp) compiler="$cxx -std=c++11 -x c++" ;;
	*) compiler="$cc -std=gnu11 -x c" ;;
	esac
	eval "$compiler -Wall -Wextra -Werror" '-o program "$2" -x none' "$(pkg-config --cflags --libs pgmonkey $loop) -pthread"
}
in_an_example() {
	for example in "$source"/examples/*; do
		awk 'NR == FNR { piece = piece $0 "\n"; next } { text = text $0 "\n" } END { exit !index(text, piece) }' \
			"$1" "$example" && echo "stands in $example" && return
	done
	return 1
}
opened='pgm_error err;
	const char *path = argc > 1 ? argv[1] : "db.yaml";
	pgm_config *config = pgm_config_load(path, &err);
	pgm_db *db = config ? pgm_open_config(config, PGM_FROM_CONFIG, &err) : NULL;
	PGconn *conn = db ? pgm_acquire(db, &err) : NULL;
	if (!conn) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}'
includes='#include <pgmonkey.h>
#include <pgmonkey/tools.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>'
functions() {
	call=$(sed -n 's/^\(static \)\{0,1\}bool \([a-z_]*\)(pgm_db \*[a-z]*, pgm_error \*[a-z]*)$/\2/p' "$1" | tail -n 1)
	{
		printf '%s\n' "$includes"
		cat "$1"
		printf 'int main(int argc, char **argv)\n{\n\t%s\n\tpgm_release(conn);\n' "$opened"
		[ -z "$call" ] || printf '\tif (!%s(db, &err)) {\n\t\tfprintf(stderr, "%%s\\n", err.message);\n\t\treturn 1;\n\t}\n' "$call"
		printf '\tpgm_config_free(config);\n\treturn 0;\n}\n'
	} >program.c
	compile ./program program.c && ./program db.yaml
}
statements() {
	{
		printf '%s\nint main(int argc, char **argv)\n{\n\t%s\n\t{\n' "$includes" "$opened"
		cat "$1"
		printf '\t}\n\tpgm_config_free(config);\n\treturn 0;\n}\n'
	} >program.c
	compile ./program program.c && ./program db.yaml
}
# Functions go on with what the page has defined before, and so does a main that includes nothing itself.
try_c() {
	if grep -q '^#include' "$1"; then
		: >so-far.c
	fi
	if grep -q '^int main(' "$1"; then
		cat so-far.c "$1" >program.c && compile_whole c program.c && ./program db.yaml
	elif grep -qE '^[a-z].*\)$' "$1"; then
		in_an_example "$1" && return
		cat "$1" >>so-far.c && functions so-far.c
	else
		in_an_example "$1" || statements "$1"
	fi
}
try_cpp() {
	if grep -q '^int main(' "$1"; then
		compile_whole cpp "$1" && ./program db.yaml
	else
		in_an_example "$1"
	fi
}

# ------------------------------------------------------------------------------ others

# Of make: does it know how? Nothing is installed, and a test does not build all anew.
try_sh() {
	{
		printf 'make() { command make -s -C "%s" -n "$@" >/dev/null; }\n' "$source"
		printf 'sudo() { [ "$1" = make ] || { echo "not tried: sudo $*"; return 1; }; "$@"; }\n'
		printf 'cc() { command %s -Wall -Wextra -Werror "$@"; }\n' "$cc"
		cat "$1"
	} >script
	PATH=$work/bin:$PGM_PG_BINDIR:$PATH HOME=$PWD NO_COLOR=1 sh -e script
}
try_yaml() {
	cp "$1" block.yaml
	if grep -qE '^(has_headers|auto_create_table|enforce_lowercase|delimiter|quotechar|encoding|null_string):' "$1"; then
		"$work/bin/pgmonkey" pgexport --table customers --connconfig db.yaml --export-file - --settings block.yaml
		return
	fi
	"$work/read" block.yaml 2>warnings
	status=$?
	cat warnings
	[ $status -eq 0 ] && [ ! -s warnings ]
}
# The pages speak of the role app and the database mydatabase.
try_sql() {
	{
		echo "BEGIN; CREATE ROLE app; SET search_path = $schema;"
		sed "s/\bmydatabase\b/\"$PGM_TEST_DBNAME\"/g" "$1"
		echo "ROLLBACK;"
	} | as_superuser
}
try_ini() {
	PATH=$PATH:/usr/sbin:/sbin
	on_path pgbouncer || { without pgbouncer; return; }
	mkdir -p run && cat "$1" - >bouncer.ini <<-END
		[pgbouncer]
		listen_addr =
		listen_port = 6432
		unix_socket_dir = $PWD/run
		auth_type = any
		logfile = $PWD/run/log
		pidfile = $PWD/run/pid
	END
	# It does not run as root.
	chmod 711 "$work" "$work"/page.* && chmod -R a+rX . && chown -R "$(server_user)" run 2>/dev/null
	as_server timeout 60 pgbouncer -q bouncer.ini &
	pid=$!
	up=
	for _ in $(seq 300); do
		[ -S run/.s.PGSQL.6432 ] && up=1 && break
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	# A child of that shell's; when it has ended, so has the shell.
	[ ! -s run/pid ] || kill "$(cat run/pid)"
	wait $pid
	cat run/log 2>/dev/null
	[ -n "$up" ] && ! grep -qE 'ERROR|WARNING|FATAL' run/log
}
try_cmake() {
	rm -rf project && mkdir project && cp hello.c project && cp "$1" project/CMakeLists.txt &&
		"$cmake" -S project -B project/build -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$work/copy" &&
		"$cmake" --build project/build
}
try_json() { on_path jq || { without jq; return; }; jq . "$1"; }
try_python() {
	on_path python3 || { without python3; return; }
	python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$1"
}
# What is shown is not compared: times and versions differ. --help behind the rest: the words are read, and nothing is done.
try_none() {
	sed -n 's/^\$ \(pgmonkey .*\)/\1/p' "$1" | sed 's/ [|>&].*//' >commands
	while IFS= read -r line; do
		echo "$line"
		eval "set -- ${line#pgmonkey }"
		"$work/bin/pgmonkey" "$@" --help >/dev/null || return
	done <commands
}

# try PAGE LANGUAGE FILE: in the folder of the page.
try() {
	cd "$work/page.$(basename "$1")" || return
	case $2 in
	c | cpp | sh | yaml | sql | ini | cmake | json | python | none) "try_$2" "$3" ;;
	text) try_none "$3" ;;
	*) echo "a block of \"$2\": nobody here knows how to try that"; return 1 ;;
	esac
}

cd "$source" || exit 1
extract
plan $(($(wc -l <"$work/list") + 1))
check "a copy is installed, and tables are there" prepare
while read -r page line language file; do
	folder=$work/page.$(basename "$page")
	[ -d "$folder" ] || { mkdir "$folder" && cp "$source"/examples/*.c "$work/db.yaml" "$folder"; }
	check "$page:$line ($language)" try "$page" "$language" "$file" </dev/null
	cd "$source" || exit 1
done <"$work/list"
exit 0
