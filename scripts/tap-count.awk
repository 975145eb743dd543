# Counts the cases in TAP files that run-test.sh kept. Last line of the output: PASSED FAILED SKIPPED.
# With -v report=1 a line for each case that failed or was skipped comes before it: where it failed, or the
# last words of a test that ended too early.

function say(text)
{
	if (report)
		print "  " text
}

# What failed waits for the place, which cmocka tells after it.
function say_failed(text)
{
	if (said_failed != "")
		say("FAILED   " name ": " said_failed)
	said_failed = text
}

function base(path)
{
	sub(/.*\//, "", path)
	sub(/\.tap$/, "", path)
	return path
}

function finish_file(    missing, why)
{
	missing = plan - seen
	if (status == "")
		why = "killed before its end"
	else if (status == 124)
		why = "over its time limit"
	else
		why = "exit status " status
	say_failed("")
	if (missing > 0 && last_words != "")
		why = why ": " last_words
	if (missing > 0) {
		failed += missing
		say("FAILED   " name ": " missing " of " plan " cases not reported, " why)
	} else if (passed + failed + skipped == 0) {
		failed = 1
		say("FAILED   " name ": ran no case, " why)
	} else if (status != "0" && failed == 0) {
		failed = 1
		say("FAILED   " name ": " why ", though every case passed")
	}
	all_passed += passed
	all_failed += failed
	all_skipped += skipped
}

function skip(text)
{
	sub(/^# SKIP */, "", text)
	skipped++
	say("skipped  " name ": " text)
}

FNR == 1 {
	if (name != "")
		finish_file()
	name = base(FILENAME)
	plan = seen = passed = failed = skipped = 0
	status = said_failed = last_words = ""
}

/^1\.\.[0-9]+/ {
	plan += substr($1, 4)
	if ($1 == "1..0" && tolower($0) ~ /# *skip/)
		skip($0)
}

# cmocka's way to say skipped is "not ok 3 # SKIP name"; a group that could not be set up is number 0.
/^(not )?ok [0-9]+/ {
	bad = ($1 == "not")
	number = bad ? $3 : $2
	if (number > 0) {
		seen++
		text = $0
		sub(/^(not )?ok [0-9]+ *-? */, "", text)
		if (bad ? text ~ /^# SKIP/ : tolower(text) ~ /# *skip/)
			skip(text)
		else if (!bad)
			passed++
		else {
			failed++
			say_failed(text)
		}
	}
}

/^# .*: error: / && said_failed != "" {
	place = $2
	sub(/.*\//, "", place)
	sub(/:$/, "", place)
	said_failed = said_failed ", " place
}

/^[^#]/ && !/^(1\.\.|(not )?ok )/ { last_words = $0 }

/^# exit status [0-9]+$/ { status = $4 }

END {
	if (name != "")
		finish_file()
	print all_passed + 0, all_failed + 0, all_skipped + 0
}
