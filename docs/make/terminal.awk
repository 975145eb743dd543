# terminal.awk: what a terminal was sent, as SVG: one line of text for each, the colours and weights of ANSI (ECMA-48, SGR),
# a carriage return goes back to the beginning of the line, ESC [ K takes away what is behind it.
#   awk -v title=TEXT -f terminal.awk

function escaped(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	return text
}

# What is seen in the end of a line that was written over.
function settled(line,   parts, n, i, seen) {
	sub(/\r+$/, "", line)
	n = split(line, parts, "\r")
	for (i = 1; i <= n; i++) {
		if (parts[i] ~ /^\033\[K/) {
			seen = ""
			sub(/^\033\[K/, "", parts[i])
		}
		sub(/\033\[K$/, "", parts[i])
		if (parts[i] != "")
			seen = parts[i]
	}
	return seen
}

function class_of(code) {
	if (code == "1") return "b"
	if (code == "2") return "d"
	if (code == "31") return "r"
	if (code == "32") return "g"
	if (code == "33") return "y"
	return ""
}

# Pieces of one colour each.
function spans(line,   out, code, at) {
	while ((at = match(line, /\033\[[0-9;]*m/)) > 0) {
		out = out escaped(substr(line, 1, at - 1))
		code = substr(line, at + 2, RLENGTH - 3)
		line = substr(line, at + RLENGTH)
		if (is_open)
			out = out "</tspan>"
		is_open = class_of(code) != ""
		if (is_open)
			out = out "<tspan class=\"" class_of(code) "\">"
	}
	out = out escaped(line)
	if (is_open)
		out = out "</tspan>"
	is_open = 0
	return out
}

function add(line,   plain) {
	lines[++count] = line
	plain = line
	gsub(/\033\[[0-9;]*m/, "", plain)
	if (length(plain) > widest)
		widest = length(plain)
}

# Lines without colours are broken where a terminal does it.
{
	line = settled($0)
	for (; line !~ /\033/ && length(line) > 100; line = substr(line, 101))
		add(substr(line, 1, 100))
	add(line)
}

END {
	width = 24 + widest * 8.43
	height = 52 + count * 19
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", width, height, width, height
	printf "<title>%s</title>\n", escaped(title)
	print "<style>text{font:14px ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;fill:#d8dee9;white-space:pre}" \
		".b{font-weight:bold}.d{fill:#7b8494}.r{fill:#e06c75}.g{fill:#98c379}.y{fill:#e5c07b}.p{fill:#61afef}</style>"
	printf "<rect width=\"%d\" height=\"%d\" rx=\"8\" fill=\"#1e222a\"/>\n", width, height
	split("#e06c75 #e5c07b #98c379", dots, " ")
	for (i = 1; i <= 3; i++)
		printf "<circle cx=\"%d\" cy=\"18\" r=\"6\" fill=\"%s\"/>\n", i * 20, dots[i]
	for (i = 1; i <= count; i++) {
		shown = spans(lines[i])
		sub(/^\$ /, "<tspan class=\"p\">$ </tspan>", shown)
		printf "<text x=\"12\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", 36 + i * 19, shown
	}
	print "</svg>"
}
