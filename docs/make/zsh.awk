# The table of help.awk as the functions of completion/_pgmonkey, one for each command.

BEGIN { FS = "\t" }

function name_of(path,    name)
{
	name = "_pgmonkey" (path == "" ? "" : "_" path)
	gsub(/[ -]/, "_", name)
	return name
}

# Between single quotes and brackets, where a colon ends what it says.
function plain(text)
{
	gsub(/\[|\]|:|\\/, "\\\\&", text)
	gsub(/'/, "'\\''", text)
	return text
}

function action(value, choices)
{
	if (choices != "-") {
		gsub(/\|/, " ", choices)
		return "(" choices ")"
	}
	if (value == "FILE" || value == "YAML")
		return "_files -g \"*.(yaml|yml)(-.)\""
	return value == "CSV" ? "_files -g \"*.csv(-.)\"" : " "
}

function option(name, others, spec) { return "\t\t'" others "--" name spec "' \\\n" }

$1 == "command" {
	parent = name = $2
	if (!sub(/ [^ ]*$/, "", parent))
		parent = ""
	sub(/.* /, "", name)
	commands[parent] = commands[parent] "\t\t'" name ":" plain($3) "'\n"
	branches[parent] = branches[parent] "\t\t" name ") " name_of($2) " ;;\n"
}
$1 == "usage" { order[++count] = $2 }
$1 == "option" {
	spec = ($4 == "-" ? "" : "=") "[" plain($7) "]"
	if ($4 != "-")
		spec = spec ":" $4 ":" action($4, $5)
	both = $6 == "-" ? "" : "(--" $3 " --" $6 ")"
	options[$2] = options[$2] option($3, both, spec) ($6 == "-" ? "" : option($6, both, spec))
}
END {
	for (i = 1; i <= count; i++) {
		path = order[i]
		print (i == 1 ? "" : "\n") name_of(path) "()\n{"
		if (path in commands) {
			print "\tlocal state line\n\tlocal -a commands=(\n" commands[path] "\t)\n"
			printf "\t_arguments -C \\\n%s\t\t'1: :->command' \\\n\t\t'*:: :->rest'\n", options[path]
			print "\tcase $state in\n\tcommand) _describe command commands ;;\n\trest)\n\t\tcase $line[1] in"
			print branches[path] "\t\tesac ;;\n\tesac\n}"
		} else {
			printf "\t_arguments \\\n%s\n}\n", substr(options[path], 1, length(options[path]) - 3)
		}
	}
}
