# The command line: help, mistakes, where the output goes. No server is asked.

load helper

@test "help works at every level, shows an example and exits with 0" {
	for level in "" pgconfig "pgconfig create" "pgconfig generate-code" "pgconfig schema" "pgconfig test"; do
		# shellcheck disable=SC2086
		pgmonkey $level --help
		expect 0
		has "$out" "usage: pgmonkey" "example:" "  pgmonkey pgconfig" --help --quiet
		[ -z "$err" ]
	done
	has "$out" "--filepath FILE" "--connconfig is the same" "--connection-type normal|pool|async|async_pool" "(default: text)"
}

@test "-h is help, and help needs no required option" {
	pgmonkey pgconfig create -h
	expect 0
	has "$out" "usage: pgmonkey pgconfig create --filepath FILE [--type pg]"
}

@test "the list of commands has one line for each" {
	pgmonkey pgconfig --help
	has "$out" "create    " "test    " "generate-code    "
}

@test "version prints the version and exits with 0" {
	pgmonkey --version
	expect 0
	[[ $out =~ ^pgmonkey\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	pgmonkey pgconfig test --version
	expect 0
}

@test "without a command it names those there are" {
	pgmonkey
	expect 2
	one_reason
	has "$err" pgconfig "pgmonkey --help"
	[ -z "$out" ]
	pgmonkey pgconfig
	expect 2
	one_reason
	has "$err" "create, test, generate-code or schema"
}

@test "an unknown command is told with the nearest one" {
	pgmonkey pgconfg
	expect 2
	one_reason
	has "$err" 'unknown command "pgconfg"' "did you mean pgmonkey pgconfig?"
	pgmonkey pgconfig tset --filepath x
	expect 2
	has "$err" "did you mean pgmonkey pgconfig test?"
}

@test "an unknown command that is like none is told with the list" {
	pgmonkey frobnicate
	expect 2
	one_reason
	has "$err" 'unknown command "frobnicate"' pgconfig
	lacks "$err" "did you mean"
}

@test "an unknown option is told with the nearest one" {
	pgmonkey pgconfig test --filpath x
	expect 2
	one_reason
	has "$err" "unknown option --filpath: did you mean --filepath?"
	pgmonkey pgconfig test --conconfig=x
	has "$err" "did you mean --connconfig?"
	pgmonkey pgconfig create --xyzzy
	expect 2
	has "$err" "unknown option --xyzzy: see pgmonkey pgconfig create --help"
	pgmonkey pgconfig create -f x
	expect 2
	has "$err" 'unknown option "-f"'
}

@test "a required option that is missing is named" {
	pgmonkey pgconfig test
	expect 2
	one_reason
	has "$err" "--filepath is missing"
}

@test "an option without its value, with an empty one or given twice is refused" {
	for line in "--filepath" "--filepath=" "--filepath --format json"; do
		# shellcheck disable=SC2086
		pgmonkey pgconfig test $line
		expect 2
		one_reason
		has "$err" "--filepath needs a value: FILE"
	done
	pgmonkey pgconfig test --filepath a --connconfig b
	expect 2
	one_reason
	has "$err" "--filepath or --connconfig is given twice"
}

@test "a flag with a value and a word too many are refused" {
	pgmonkey pgconfig create --filepath x --quiet=yes
	expect 2
	has "$err" "--quiet takes no value"
	pgmonkey pgconfig create --filepath x y
	expect 2
	has "$err" 'unexpected argument "y"'
	[ ! -e x ]
}

@test "a value that is not among the choices is told with all of them" {
	pgmonkey pgconfig test --filepath x --format jsn
	expect 2
	one_reason
	has "$err" 'expected one of text, json, found "jsn": did you mean json?'
	pgmonkey pgconfig test --filepath x --connection-type pol
	expect 2
	has "$err" "normal, pool, async, async_pool" "did you mean pool?"
	pgmonkey pgconfig create --filepath x --type mysql
	expect 2
	has "$err" "expected one of pg"
	[ ! -e x ]
}

@test "words of an option are joined by - or _, its value comes after = or as the next word" {
	pgmonkey pgconfig test --connection_type=pool --filepath missing.yaml
	expect 1
	has "$err" missing.yaml
	pgmonkey pgconfig test --connection-type pool --connconfig=missing.yaml
	expect 1
	has "$err" missing.yaml
	pgmonkey pgconfig create --filepath=-dash.yaml
	expect 0
	[ -f ./-dash.yaml ]
}

@test "what is not printable on the command line cannot steer the terminal" {
	pgmonkey $'\033[31mred\nsecond line'
	expect 2
	one_reason
	lacks "$err" $'\033'
}

@test "a password on the command line is not repeated" {
	pgmonkey "postgresql://user:$secret@host/db"
	expect 2
	has "$err" "postgresql://user:****"
	pgmonkey pgconfig test --filepath "host=h password=$secret"
	expect 1
}

@test "a full disk behind stdout is noticed" {
	[ -e /dev/full ] || skip "there is no /dev/full here"
	status=0
	"$PGMONKEY" --help >/dev/full 2>.err || status=$?
	out='' err=$(cat .err)
	expect 1
	one_reason
	has "$err" "cannot write to standard output: No space left on device"
}

@test "a closed stdout is noticed, and no file takes its place" {
	status=0
	"$PGMONKEY" pgconfig create --filepath db.yaml >&- 2>.err || status=$?
	out='' err=$(cat .err)
	expect 1
	one_reason
	has "$err" "cannot write to standard output"
	! grep -q "Next:" db.yaml
}

@test "a reader that goes away is noticed, without a death by signal" {
	# The reader has gone before the program writes.
	mkfifo pipe
	: <pipe &
	exec 7>pipe
	wait $!
	status=0
	"$PGMONKEY" --help >&7 2>.err || status=$?
	exec 7>&-
	out='' err=$(cat .err)
	expect 1
	one_reason
	has "$err" "Broken pipe"
}

@test "there is no colour where there is no terminal" {
	pgmonkey pgconfig test --help
	lacks "$out" $'\033'
}
