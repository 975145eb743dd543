# TAP for scripts: plan N, then check NAME COMMAND... for each case. Sourced. $work: a folder of the script's own.
# shellcheck shell=sh

count=0
plan() { echo "1..$1"; }

# One case; what the command prints is shown if it fails. 77 means skipped, and the last line says why.
check() {
	case_name=$1
	shift
	count=$((count + 1))
	"$@" >"$work/output" 2>&1
	case $? in
	0) echo "ok $count - $case_name" ;;
	77) echo "ok $count - $case_name # SKIP $(tail -n 1 "$work/output")" ;;
	*)
		echo "not ok $count - $case_name"
		sed 's/^/# /' "$work/output"
		;;
	esac
}

on_path() { command -v "$1" >/dev/null 2>&1; }
without() { echo "there is no $1 here"; return 77; }
