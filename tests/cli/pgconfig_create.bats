# pgmonkey pgconfig create

load helper

mode()
{
	stat -c %a "$1" 2>/dev/null || stat -f %Lp "$1"
}

@test "it writes a file that only its owner can read and says what to do next" {
	pgmonkey pgconfig create --filepath db.yaml
	expect 0
	[ "$(mode db.yaml)" = 600 ]
	has "$out" "db.yaml" "pgmonkey pgconfig test --filepath db.yaml"
	[ -z "$err" ]
	grep -q '^connection_settings:' db.yaml
	grep -q '^async_pool_settings:' db.yaml
}

@test "the file it writes is one that the program reads without a warning" {
	pgmonkey pgconfig create --connconfig db.yaml --type pg
	expect 0
	sed -i.bak "s|^\( *host:\).*|\1 $PWD/nobody-listens-here|" db.yaml
	pgmonkey pgconfig test --filepath db.yaml --connection-type async
	expect 1
	lacks "$err" "db.yaml:"
	has "$err" "nobody-listens-here"
}

@test "the mode is 0600 whatever the umask" {
	for mask in 000 022 077 0777; do
		(umask $mask && "$PGMONKEY" pgconfig create --quiet --filepath "db$mask.yaml")
		[ "$(mode "db$mask.yaml")" = 600 ]
	done
}

@test "folders that are missing are made, for the owner alone" {
	(umask 0777 && "$PGMONKEY" pgconfig create --quiet --filepath one/two//three/db.yaml)
	[ "$(mode one)" = 700 ]
	[ "$(mode one/two/three)" = 700 ]
	[ "$(mode one/two/three/db.yaml)" = 600 ]
}

@test "folders that are there keep their mode" {
	mkdir -m 755 there
	pgmonkey pgconfig create --filepath "$PWD/there/db.yaml"
	expect 0
	[ "$(mode there)" = 755 ]
}

@test "a file that is there is never touched" {
	echo mine >db.yaml
	chmod 644 db.yaml
	pgmonkey pgconfig create --filepath db.yaml
	expect 1
	one_reason
	has "$err" "db.yaml is there already"
	[ -z "$out" ]
	[ "$(cat db.yaml)" = mine ]
	[ "$(mode db.yaml)" = 644 ]
}

@test "an empty file that is there is never touched" {
	: >db.yaml
	pgmonkey pgconfig create --filepath db.yaml
	expect 1
	[ ! -s db.yaml ]
}

@test "a link is not followed, wherever it leads" {
	ln -s nowhere.yaml dangling.yaml
	pgmonkey pgconfig create --filepath dangling.yaml
	expect 1
	has "$err" "is there already"
	[ ! -e nowhere.yaml ]
	echo mine >real.yaml
	ln -s real.yaml link.yaml
	pgmonkey pgconfig create --filepath link.yaml
	expect 1
	[ "$(cat real.yaml)" = mine ]
}

@test "a folder in the place of the file is refused" {
	mkdir db.yaml
	pgmonkey pgconfig create --filepath db.yaml
	expect 1
	one_reason
	pgmonkey pgconfig create --filepath new/
	expect 2
	one_reason
	has "$err" "new/"
	[ ! -e new ]
}

@test "a place that cannot be written is told with the system's reason" {
	: >file
	pgmonkey pgconfig create --filepath file/db.yaml
	expect 1
	one_reason
	has "$err" "Not a directory"
	mkdir -m 555 closed
	if [ "$(id -u)" -ne 0 ]; then
		pgmonkey pgconfig create --filepath closed/db.yaml
		expect 1
		one_reason
		has "$err" "cannot write closed/db.yaml: Permission denied"
		pgmonkey pgconfig create --filepath closed/sub/db.yaml
		expect 1
		has "$err" "cannot make the folder closed/sub: Permission denied"
	fi
}

@test "a full disk leaves no half-written file" {
	status=0
	(ulimit -f 1 && "$PGMONKEY" pgconfig create --filepath db.yaml >.out 2>.err) || status=$?
	out=$(cat .out) err=$(cat .err)
	expect 1
	one_reason
	has "$err" "cannot write db.yaml: File too large"
	[ -z "$out" ]
	[ ! -e db.yaml ]
}

@test "quiet says nothing" {
	pgmonkey pgconfig create --filepath db.yaml --quiet
	expect 0
	[ -z "$out$err" ]
}

@test "a name that looks like a password is shown as it is" {
	pgmonkey pgconfig create --filepath "password=abc.yaml"
	expect 0
	has "$out" "password=abc.yaml is written" "--filepath password=abc.yaml"
}

@test "a name with blanks and quotes is shown so that the shell takes it back" {
	pgmonkey pgconfig create --filepath "my 'own' db.yaml"
	expect 0
	command=$(printf '%s\n' "$out" | sed -n 's/^ *pgmonkey pgconfig test --filepath //p')
	eval "name=$command"
	# shellcheck disable=SC2154
	[ "$name" = "my 'own' db.yaml" ]
	[ -f "$name" ]
}
