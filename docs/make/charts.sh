#!/bin/sh
# charts.sh OUTPUT SVG: the chart of the front page, from what `make bench` printed. Wants gnuplot.

set -eu
output=$1 svg=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-charts.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

# section WORDS: the lines of the table whose heading begins with them: NAME<tab>the numbers.
section() {
	awk -v words="$1" '
		index($0, words) == 1 { on = 1; next }
		on && /^[^ ]/ || on && /^$/ { if (rows) exit }
		on && /^  [^ ]/ { rows++; name = substr($0, 3, 15); sub(/ +$/, "", name); rest = substr($0, 18); gsub(/[(]|to|[)]/, "", rest)
			print name "\t" rest }' "$output"
}

section "borrow + give back" | awk -F '\t' '{ split($2, n, " "); print n[1] "\t" n[2] "\t" n[3] "\t" $1 }' >"$work/borrow"
section "point select, Unix socket, connections: 4, in flight: 16" |
	awk -F '\t' '$1 != "pipe" && $1 != "pgm_wait" { split($2, n, " "); print n[4] "\t" n[5] "\t" n[6] "\t" $1 }' |
	sort -rn >"$work/async"
if [ ! -s "$work/borrow" ] || [ ! -s "$work/async" ]; then
	echo "$output: the tables of borrowing and of async are not both in it" >&2
	exit 1
fi

gnuplot <<-END
	set terminal svg size 860,330 font "sans-serif,13" background "#ffffff"
	set output "$svg"
	set datafile separator "\t"
	set style fill solid 1.0 noborder
	set border 0
	set xtics scale 0 nomirror
	set ytics scale 0 nomirror
	set grid xtics lt 1 lc rgb "#e0e0e0"
	set xrange [0:*]
	set yrange [] reverse
	unset key
	set multiplot layout 1,2
	set lmargin 14
	set title "Borrowing and giving back a connection:\nns (less is better)"
	plot "$work/borrow" using (0.5*\$1):0:(0.5*\$1):(0.35):(strcol(4) eq "pgmonkey" ? 0x2f6fb3 : 0xb8c2cc):ytic(4) \
		with boxxyerror lc rgb variable, "" using 1:0:2:3 with xerrorbars pt 0 lc rgb "#555555"
	set title "Statements a second, 16 in flight on 4 connections:\nratio to libpq's pipeline by hand (more is better)"
	plot "$work/async" using (0.5*\$1):0:(0.5*\$1):(0.35):(strcol(4) eq "pgmonkey" ? 0x2f6fb3 : 0xb8c2cc):ytic(4) \
		with boxxyerror lc rgb variable, "" using 1:0:2:3 with xerrorbars pt 0 lc rgb "#555555"
	unset multiplot
END
