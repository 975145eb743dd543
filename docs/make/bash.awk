# The table of help.awk as the two lists of completion/pgmonkey.bash.

BEGIN { FS = "\t" }

function add(list, word) { return list == "" ? word : list " " word }

$1 == "command" {
	parent = name = $2
	if (!sub(/ [^ ]*$/, "", parent))
		parent = ""
	sub(/.* /, "", name)
	words[parent] = add(words[parent], name)
}
$1 == "usage" { order[++count] = $2 }
$1 == "option" {
	words[$2] = add(words[$2], "--" $3)
	if ($6 != "-")
		words[$2] = add(words[$2], "--" $6)
	if ($4 == "-")
		next
	value = $5 != "-" ? $5 : $4 == "FILE" || $4 == "YAML" ? "@yaml" : $4 == "CSV" ? "@csv" : "@any"
	gsub(/\|/, " ", value)
	pattern = "'" $2 " --" $3 "'" ($6 == "-" ? "" : " | '" $2 " --" $6 "'")
	values = values "\t" pattern ") echo '" value "' ;;\n"
}
END {
	print "# What may come after the command that is there."
	print "_pgmonkey_words()\n{\n\tcase $1 in"
	for (i = 1; i <= count; i++)
		print "\t'" order[i] "') echo '" words[order[i]] "' ;;"
	print "\tesac\n}\n"
	print "# What may come after an option: the words, or @ and a kind. Of a flag: nothing."
	print "_pgmonkey_values()\n{\n\tcase $1 in"
	printf "%s", values
	print "\tesac\n}"
}
