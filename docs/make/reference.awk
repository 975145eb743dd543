# A public header as a page of docs/reference: its comments are the text, its declarations the code.
#
# A chunk is what stands between two empty lines outside of braces: a comment, declarations, or one after the other. What
# is for the compiler alone (guards, includes, linkage) and names that end in an underscore are left out.
# -v header=pgmonkey/csv.h

BEGIN { print "<!-- Made from include/" header " by `make docs`. -->\n# " header "\n" }

# ---------------------------------------------------------------------------------------------------- text

# A code's short name in full, names as code, and nothing that Markdown would take for a sign.
function marked(text,    out)
{
	gsub(/[*<]/, "\\\\&", text)
	while (match(text, /(^|[^A-Za-z0-9_])_[A-Z]+/)) {
		out = out substr(text, 1, RSTART - 1)
		text = substr(text, RSTART)
		if (text !~ /^_/) {
			out = out substr(text, 1, 1)
			text = substr(text, 2)
			RLENGTH--
		}
		out = out "PGM_ERR" substr(text, 1, RLENGTH)
		text = substr(text, RLENGTH + 1)
	}
	text = out text
	gsub(/(pgm|PGM)_[A-Za-z0-9_]*[A-Za-z0-9]/, "`&`", text)
	return text
}

# Owner, Errors and Thread each begin a line of a list. A line that begins with a tab is code.
function put_text(line)
{
	sub(/^ *\/\*+ ?/, "", line)
	sub(/ *\*\/ *$/, "", line)
	sub(/^ \* ?/, "", line)
	if (line ~ /^ *\*?$/ || line ~ /^SPDX-/)
		line = ""
	if (line ~ /^\t/) {
		text = text "    " substr(line, 2) "\n"
		return
	}
	line = marked(line)
	gsub(/(Owner|Errors|Thread)( and (Owner|Errors|Thread))?: /, "\n- **&", line)
	gsub(/\n- \*\*[A-Za-z ]*/, "&**", line)
	text = text line "\n"
}

function tidied(text)
{
	gsub(/ +\n/, "\n", text)
	gsub(/\n- \*\*/, "\n\n- **", text)
	gsub(/\n\n\n+/, "\n\n", text)
	sub(/^\n+/, "", text)
	sub(/\n*$/, "\n", text)
	return text
}

# ---------------------------------------------------------------------------------------------------- names

function add_name(name)
{
	if (name != "" && name !~ /_$/ && !((name) in named)) {
		named[name] = 1
		names = names (names == "" ? "" : ", ") "`" name "`"
	}
}

# What a line declares: a function, a macro, a type.
function find_names(line)
{
	if (line ~ /^#define /) {
		sub(/^#define /, "", line)
		sub(/[( \t].*/, "", line)
	} else if (match(line, /\(\*pgm_[a-z_0-9]+\)/) && line ~ /^typedef/) {
		line = substr(line, RSTART + 2, RLENGTH - 3)
	} else if (match(line, /pgm_[a-z_0-9]+\(/) && line !~ /^[ \t]/) {
		line = substr(line, RSTART, RLENGTH - 1)
	} else if (line ~ /^(typedef .*|} )pgm_[a-z_0-9]+;$/) {
		sub(/;$/, "", line)
		sub(/.*[ *]/, "", line)
	} else {
		line = ""
	}
	add_name(line)
}

# ---------------------------------------------------------------------------------------------------- entries

function put_entry(    name)
{
	if (names != "")
		print "### " names "\n\n```c\n" code "```\n"
	text = tidied(text)
	if (text != "\n" && (names != "" || code == ""))
		print text
	for (name in named)
		delete named[name]
	text = code = names = ""
}

function put_code(line)
{
	sub(/^PGM_API /, "", line)
	sub(/^static inline /, "", line)
	find_names(line)
	code = code line "\n"
}

# From a brace at the line's beginning to the one that closes it: a function's body.
body { if (/^}/) body = 0; next }
/^[{]/ { body = 1; sub(/\n$/, ";\n", code); next }

/^\/\* -+ .* \*\/$/ {
	put_entry()
	gsub(/^\/\* -+ | \*\/$/, "")
	print "## " ($0 ~ /^[a-z_]+\.conf/ ? $0 : toupper(substr($0, 1, 1)) substr($0, 2)) "\n"
	next
}
/^extern "C" \{$/ || /^#(if|ifdef|ifndef|elif|else|endif|include)/ || /^#define (PGM_API|PGM.*_H$)/ { skipped = 1; next }
/^}$/ { next }
$0 == "" && !braces && !comment { put_entry(); skipped = 0; next }
/^\/\*/ && !braces {
	if (code != "")
		put_entry()
	comment = 1
}
comment {
	put_text($0)
	if (/\*\/ *$/)
		comment = 0
	next
}
{
	braces += gsub(/\{/, "{") - gsub(/\}/, "}")
	put_code($0)
}
END { put_entry() }
