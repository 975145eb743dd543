# The table of help.awk as lines of completion/pgmonkey.fish.

BEGIN { FS = "\t" }

function quoted(text)
{
	gsub(/[\\']/, "\\\\&", text)
	return "'" text "'"
}

function at(path) { return "complete -c pgmonkey -n \"__pgmonkey_at '" path "'\" " }

function value(name, choices)
{
	if (choices != "-") {
		gsub(/\|/, " ", choices)
		return " -x -a '" choices "'"
	}
	if (name == "FILE" || name == "YAML")
		return " -r -F -k -a '(__fish_complete_suffix .yaml)'"
	return name == "CSV" ? " -r -F -k -a '(__fish_complete_suffix .csv)'" : name == "-" ? "" : " -x"
}

function option(path, name, rest) { lines = lines at(path) "-l " name rest "\n" }

$1 == "command" {
	parent = name = $2
	if (!sub(/ [^ ]*$/, "", parent))
		parent = ""
	sub(/.* /, "", name)
	paths = paths " " quoted($2)
	lines = lines at(parent) "-a " name " -d " quoted($3) "\n"
}
$1 == "option" {
	rest = value($4, $5) " -d " quoted($7)
	option($2, $3, rest)
	if ($6 != "-")
		option($2, $6, rest)
	# The program takes "_" for "-", too: offered to whoever writes so.
	name = $3
	if (gsub(/-/, "_", name))
		lines = lines "complete -c pgmonkey -n \"__pgmonkey_at '" $2 "' _\" -l " name rest "\n"
}
END {
	print "set -g __pgmonkey_commands" paths
	printf "%s", lines
}
