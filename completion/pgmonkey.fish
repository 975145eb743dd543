# pgmonkey: completion for fish. The lines are made by `make docs`.

function __pgmonkey_at --description 'Is the command so far this one? With _: and is an option being written with it?'
    if set -q argv[2]
        string match -qr '^--.*_' -- (commandline -opc)[-1] (commandline -ct); or return 1
    end
    set -l path ''
    for word in (commandline -opc)[2..]
        set -l longer (string trim -- "$path $word")
        contains -- "$longer" $__pgmonkey_commands; and set path $longer
    end
    test "$path" = "$argv[1]"
end

complete -c pgmonkey -f

# begin: made from --help
set -g __pgmonkey_commands 'pgconfig' 'pgserverconfig' 'pgexport' 'pgconfig create' 'pgconfig test'
complete -c pgmonkey -n "__pgmonkey_at ''" -a pgconfig -d 'make and try a configuration file'
complete -c pgmonkey -n "__pgmonkey_at ''" -a pgserverconfig -d 'what a file asks of its server'
complete -c pgmonkey -n "__pgmonkey_at ''" -a pgexport -d 'write a table into a CSV file'
complete -c pgmonkey -n "__pgmonkey_at ''" -l help -d 'show this, and an example'
complete -c pgmonkey -n "__pgmonkey_at ''" -l version -d 'show the version'
complete -c pgmonkey -n "__pgmonkey_at ''" -l quiet -d 'no progress and no advice on what comes next'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig'" -a create -d 'write a commented file to start from'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig'" -a test -d 'connect as a file says, and show each step'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig'" -l help -d 'show this, and an example'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig'" -l version -d 'show the version'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig'" -l quiet -d 'no progress and no advice on what comes next'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig create'" -l filepath -r -F -k -a '(__fish_complete_suffix .yaml)' -d 'the file to make; folders that are not there are made too'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig create'" -l connconfig -r -F -k -a '(__fish_complete_suffix .yaml)' -d 'the file to make; folders that are not there are made too'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig create'" -l type -x -a 'pg' -d 'pg: PostgreSQL (default: pg)'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig create'" -l help -d 'show this, and an example'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig create'" -l version -d 'show the version'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig create'" -l quiet -d 'no progress and no advice on what comes next'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig test'" -l filepath -r -F -k -a '(__fish_complete_suffix .yaml)' -d 'the configuration to try'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig test'" -l connconfig -r -F -k -a '(__fish_complete_suffix .yaml)' -d 'the configuration to try'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig test'" -l connection-type -x -a 'normal pool async async_pool' -d 'as which type (default: what the file says)'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig test' _" -l connection_type -x -a 'normal pool async async_pool' -d 'as which type (default: what the file says)'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig test'" -l format -x -a 'text json' -d 'a table for people, or one JSON object (default: text)'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig test'" -l help -d 'show this, and an example'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig test'" -l version -d 'show the version'
complete -c pgmonkey -n "__pgmonkey_at 'pgconfig test'" -l quiet -d 'no progress and no advice on what comes next'
complete -c pgmonkey -n "__pgmonkey_at 'pgserverconfig'" -l filepath -r -F -k -a '(__fish_complete_suffix .yaml)' -d 'the client\'s configuration'
complete -c pgmonkey -n "__pgmonkey_at 'pgserverconfig'" -l connconfig -r -F -k -a '(__fish_complete_suffix .yaml)' -d 'the client\'s configuration'
complete -c pgmonkey -n "__pgmonkey_at 'pgserverconfig'" -l format -x -a 'text json' -d 'lines to be pasted, or one JSON object (default: text)'
complete -c pgmonkey -n "__pgmonkey_at 'pgserverconfig'" -l client-address -x -d 'this client as the server sees it: 10.1.2.3, or 10.1.2.0/24'
complete -c pgmonkey -n "__pgmonkey_at 'pgserverconfig' _" -l client_address -x -d 'this client as the server sees it: 10.1.2.3, or 10.1.2.0/24'
complete -c pgmonkey -n "__pgmonkey_at 'pgserverconfig'" -l instances -x -d 'how many programs use the file at the same time'
complete -c pgmonkey -n "__pgmonkey_at 'pgserverconfig'" -l help -d 'show this, and an example'
complete -c pgmonkey -n "__pgmonkey_at 'pgserverconfig'" -l version -d 'show the version'
complete -c pgmonkey -n "__pgmonkey_at 'pgserverconfig'" -l quiet -d 'no progress and no advice on what comes next'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l table -x -d '[schema.]table, view or the like'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l filepath -r -F -k -a '(__fish_complete_suffix .yaml)' -d 'the configuration of the connection'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l connconfig -r -F -k -a '(__fish_complete_suffix .yaml)' -d 'the configuration of the connection'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l export-file -r -F -k -a '(__fish_complete_suffix .csv)' -d 'where to; - is standard output (default: TABLE.csv)'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport' _" -l export_file -r -F -k -a '(__fish_complete_suffix .csv)' -d 'where to; - is standard output (default: TABLE.csv)'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l settings -r -F -k -a '(__fish_complete_suffix .yaml)' -d 'the settings file (default: the CSV file\'s name with .yaml)'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l no-clobber -d 'never replace a file'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport' _" -l no_clobber -d 'never replace a file'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l visible-rows -d 'only the rows that row-level security shows'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport' _" -l visible_rows -d 'only the rows that row-level security shows'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l jobs -x -d 'connections that read a plain table together (default: 1)'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l help -d 'show this, and an example'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l version -d 'show the version'
complete -c pgmonkey -n "__pgmonkey_at 'pgexport'" -l quiet -d 'no progress and no advice on what comes next'
# end: made from --help
