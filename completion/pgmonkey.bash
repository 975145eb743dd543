# pgmonkey: completion for bash, which needs nothing but bash. The two lists are made by `make docs`.
# shellcheck shell=bash

# begin: made from --help
# What may come after the command that is there.
_pgmonkey_words()
{
	case $1 in
	'') echo 'pgconfig pgserverconfig pgimport pgexport --help --version --quiet' ;;
	'pgconfig') echo 'create test generate-code schema --help --version --quiet' ;;
	'pgconfig create') echo '--filepath --connconfig --type --help --version --quiet' ;;
	'pgconfig test') echo '--filepath --connconfig --connection-type --format --help --version --quiet' ;;
	'pgconfig generate-code') echo '--filepath --connconfig --connection-type --language --library --loop --help --version --quiet' ;;
	'pgconfig schema') echo '--help --version --quiet' ;;
	'pgserverconfig') echo '--filepath --connconfig --audit --format --strict --client-address --instances --help --version --quiet' ;;
	'pgimport') echo '--import-file --table --filepath --connconfig --settings --review --jobs --help --version --quiet' ;;
	'pgexport') echo '--table --filepath --connconfig --export-file --settings --no-clobber --visible-rows --jobs --help --version --quiet' ;;
	esac
}

# What may come after an option: the words, or @ and a kind. Of a flag: nothing.
_pgmonkey_values()
{
	case $1 in
	'pgconfig create --filepath' | 'pgconfig create --connconfig') echo '@yaml' ;;
	'pgconfig create --type') echo 'pg' ;;
	'pgconfig test --filepath' | 'pgconfig test --connconfig') echo '@yaml' ;;
	'pgconfig test --connection-type') echo 'normal pool async async_pool' ;;
	'pgconfig test --format') echo 'text json' ;;
	'pgconfig generate-code --filepath' | 'pgconfig generate-code --connconfig') echo '@yaml' ;;
	'pgconfig generate-code --connection-type') echo 'normal pool async async_pool' ;;
	'pgconfig generate-code --language') echo 'c python' ;;
	'pgconfig generate-code --library') echo 'pgmonkey libpq psycopg' ;;
	'pgconfig generate-code --loop') echo 'none uv' ;;
	'pgserverconfig --filepath' | 'pgserverconfig --connconfig') echo '@yaml' ;;
	'pgserverconfig --format') echo 'text json' ;;
	'pgserverconfig --client-address') echo '@any' ;;
	'pgserverconfig --instances') echo '@any' ;;
	'pgimport --import-file') echo '@csv' ;;
	'pgimport --table') echo '@any' ;;
	'pgimport --filepath' | 'pgimport --connconfig') echo '@yaml' ;;
	'pgimport --settings') echo '@yaml' ;;
	'pgimport --jobs') echo '@any' ;;
	'pgexport --table') echo '@any' ;;
	'pgexport --filepath' | 'pgexport --connconfig') echo '@yaml' ;;
	'pgexport --export-file') echo '@csv' ;;
	'pgexport --settings') echo '@yaml' ;;
	'pgexport --jobs') echo '@any' ;;
	esac
}
# end: made from --help

# Files whose name ends in one of the suffixes, and folders; any file if there is none of these.
_pgmonkey_files()
{
	local suffix found='' file

	compopt -o filenames 2>/dev/null
	for suffix; do
		while IFS= read -r file; do
			COMPREPLY+=("$file")
			found=1
		done < <(compgen -f -X "!*.$suffix" -- "$cur")
	done
	while IFS= read -r file; do
		COMPREPLY+=("$file")
	done < <(if [[ $found ]]; then compgen -d -- "$cur"; else compgen -f -- "$cur"; fi)
}

_pgmonkey_words_of()
{
	local word

	# A name that is written with "_" stays so: --import_f becomes --import_file.
	for word; do
		if [[ $cur == --*_* && $word == --* ]]; then
			word=${word:2}
			word=--${word//-/_}
		fi
		[[ $word == "$cur"* ]] && COMPREPLY+=("$word")
	done
}

_pgmonkey()
{
	local IFS=$' \t\n' cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} path='' word at value

	COMPREPLY=()
	# "=" is a word of its own to bash.
	if [[ $cur == = ]]; then
		cur=''
	elif [[ $before == = ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((at = 1; at < COMP_CWORD; at++)); do
		word=${path:+$path }${COMP_WORDS[at]}
		[[ -n $(_pgmonkey_words "$word") ]] && path=$word
	done
	if [[ $before == --* ]]; then
		before=${before:2}
		value=$(_pgmonkey_values "$path --${before//_/-}")
	fi
	case ${value-} in
	'')
		# Unquoted on purpose, here and below: lists of words.
		_pgmonkey_words_of $(_pgmonkey_words "$path")
		;;
	@yaml) _pgmonkey_files yaml yml ;;
	@csv) _pgmonkey_files csv ;;
	@any) ;;
	*) _pgmonkey_words_of $value ;;
	esac
}

complete -F _pgmonkey pgmonkey
