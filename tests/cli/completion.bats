# What the shells offer after "pgmonkey".

load helper

folder=$BATS_TEST_DIRNAME/../../completion

# A shell that is not installed is a test that was skipped.
use()
{
	shell=$1
	command -v "$shell" >/dev/null || skip "$shell is not installed"
	case $shell in
	bash) file=$folder/pgmonkey.bash ;;
	zsh) file=$folder/_pgmonkey ;;
	fish) file=$folder/pgmonkey.fish ;;
	esac
}

# offers "WORD..." EXPECTED...: exactly these are offered for the line's last word (which a final blank makes empty).
offers()
{
	local line=$1 got expected
	shift
	local -a words
	read -r -a words <<<"$line"
	[ "$line" = "${line% }" ] || words+=("")
	got=$("$BATS_TEST_DIRNAME/complete/$shell" "$file" "${words[@]}" | sed 's| *$||' | grep -v "${without:-^$}" | sort -u)
	expected=$(printf '%s\n' "$@" | grep -v '^$' | sort -u)
	if [ "$got" != "$expected" ]; then
		printf '%s: after "%s": expected\n%s\ngot\n%s\n' "$shell" "$line" "$expected" "$got"
		return 1
	fi
}

# The names in a part of a help: "commands" or "options".
in_help()
{
	local part=$1
	shift
	"$PGMONKEY" "$@" --help |
		awk -v part="$part:" '/^[a-z]+:$/ { on = $0 == part; next } on && /^  [a-z-]/ { print $1 }'
}

# Every command and every option that the program has, at every level.
whole_tree()
{
	local -a path=("$@") commands names
	mapfile -t commands < <(in_help commands "${path[@]}")
	if [ ${#commands[@]} -gt 0 ]; then
		# Some offer options there as well.
		without=^-- offers "pgmonkey ${path[*]} " "${commands[@]}"
		for name in "${commands[@]}"; do
			whole_tree "${path[@]}" "$name"
		done
		return
	fi
	mapfile -t names < <(in_help options "${path[@]}"; in_help options "${path[@]}" | grep -q -- --filepath && echo --connconfig)
	[ ${#names[@]} -ge 3 ]
	offers "pgmonkey ${path[*]} --" "${names[@]}"
}

values()
{
	offers "pgmonkey pgconfig test --connection-type " normal pool async async_pool
	offers "pgmonkey pgconfig test --format j" json
	offers "pgmonkey pgconfig test --connection_type async" async async_pool
	offers "pgmonkey --quiet pgconfig te" test
	offers "pgmonkey pgexport --jobs " ""
}

files()
{
	touch db.yaml db.yml db.csv db.txt
	mkdir dbs
	offers "pgmonkey pgconfig test --filepath d" db.yaml db.yml "$1"
	offers "pgmonkey pgserverconfig --connconfig d" db.yaml db.yml "$1"
	offers "pgmonkey pgexport --export_file d" db.csv "$1"
}

@test "bash: every command and every option" { use bash && whole_tree; }
@test "bash: values" {
	use bash
	values
	offers "pgmonkey pgconfig test --format=j" json
	offers "pgmonkey pgconfig test --connection_" --connection_type
}
@test "bash: files of the kind, and folders; any file where there is none" {
	use bash
	files dbs
	rm db.yaml db.yml
	offers "pgmonkey pgconfig test --filepath d" db.csv db.txt dbs
	touch "with blank.yaml"
	offers "pgmonkey pgconfig test --filepath w" "with blank.yaml"
}
@test "zsh: every command and every option" { use zsh && whole_tree; }
@test "zsh: values" { use zsh && values; }
@test "zsh: files of the kind, and folders" { use zsh && files dbs; }
@test "fish: every command and every option" { use fish && whole_tree; }
@test "fish: values" {
	use fish
	values
	offers "pgmonkey pgconfig test --format=j" --format=json
}
@test "fish: files of the kind first" {
	use fish
	touch db.yaml other.csv
	offers "pgmonkey pgconfig test --filepath db.y" db.yaml
	offers "pgmonkey pgexport --export-file o" other.csv
}
