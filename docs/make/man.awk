# The table of help.awk as the part COMMANDS of pgmonkey(1), in scdoc's language.

BEGIN { FS = "\t" }

# What scdoc would read as a sign of its own.
function plain(text)
{
	gsub(/[*_\\]/, "\\\\&", text)
	sub(/^[][#|`~.<>-]/, "\\\\&", text)
	return text
}

function sentence(text)
{
	if (text !~ /^[a-z_]+:/) # a value, and what it means
		text = toupper(substr(text, 1, 1)) substr(text, 2)
	return plain(text) "."
}

function end_example()
{
	if (in_example)
		print "```"
	in_example = 0
}

$1 == "command" { end_example() }
$1 == "usage" {
	end_example()
	path = $2
	shown = path != "" && $3 !~ / COMMAND /
	if (shown) {
		line = $3
		sub(/^pgmonkey /, "", line)
		sub("^" path, "", line)
		print "\n## " path "\n\n*pgmonkey " path "*" plain(line) "\n"
	}
}
!shown { next }
$1 == "about" { print plain($3) }
$1 == "option" && $3 !~ /^(help|version|quiet)$/ {
	print "\n*--" $3 "*" ($4 == "-" ? "" : " " ($5 == "-" ? $4 : plain($5)))
	print "\t" sentence($7) ($6 == "-" ? "" : " *--" $6 "* is the same.")
}
$1 == "example" {
	if (!in_example)
		print "\n```"
	in_example = 1
	print $3
}
END { end_example() }
