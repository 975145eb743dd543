# What `pgmonkey ... --help` prints, as a table for commands.awk. One row a line, fields parted by tabs:
#
#   command  PATH  SUMMARY          PATH: "pgconfig test"; of the program itself it is empty
#   about    PATH  LINE
#   usage    PATH  LINE
#   option   PATH  NAME VALUE CHOICES ALIAS HELP      CHOICES: "text|json"; what there is not is "-"
#   example  PATH  LINE
#
# -v path=PATH says whose help it is. The commands of a group are rows of the group's help, so that their own need not
# say their summary again.

function row(kind, rest) { print kind "\t" path "\t" rest }

# "--format text|json" in the usage line, where the rows have "--format FORMAT".
function choices(name,    rest)
{
	if (!match(usage, "--" name " [^]]*"))
		return "-"
	rest = substr(usage, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
	sub(/ .*/, "", rest)
	return rest ~ /^[A-Z]+$/ ? "-" : rest
}

function option(line,    name, value, alias)
{
	name = value = line
	sub(/^ *--/, "", name)
	sub(/ .*/, "", name)
	sub(/^ *--[a-z-]* ?/, "", value)
	if (value ~ /^[A-Z]/) {
		line = value
		sub(/ .*/, "", value)
		sub(/^[A-Z]+ */, "", line)
	} else {
		line = value
		value = "-"
	}
	sub(/^ */, "", line)
	alias = "-"
	if (match(line, /; --[a-z-]+ is the same/)) {
		alias = substr(line, RSTART + 4, RLENGTH - 16)
		line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
	}
	row("option", name "\t" value "\t" choices(name) "\t" alias "\t" line)
}

/^usage: / { usage = substr($0, 8); row("usage", usage); part = "about"; next }
/^commands:$/ || /^options:$/ || /^example:$/ { part = $0; next }
$0 == "" { next }
part == "about" { row("about", $0) }
part == "commands:" {
	name = $1
	sub(/^ *[a-z-]+ */, "")
	print "command\t" (path == "" ? "" : path " ") name "\t" $0
}
# A name that is too long for its column has its help on the next line.
part == "options:" && /^  --/ && NF <= 2 && !/   [a-z]/ { held = $0; next }
part == "options:" { option(held == "" ? $0 : held "  " $0); held = "" }
part == "example:" { sub(/^  /, ""); row("example", $0) }
