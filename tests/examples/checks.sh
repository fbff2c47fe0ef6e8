# shellcheck shell=bash disable=SC2034  # the variables are the sourcing script's too
#
# checks.sh - what the tests of servers share: promises that are counted, servers that are started
# and ended, and a scratch directory.

scratch=$(mktemp -d) || exit 1
passed=0
failed=0
declare -A servers=() # process id -> the descriptor that its standard output is read from

# Ends what is still running, with all that this script has started.
clean_up()
{
    local pid
    for pid in "${!servers[@]}"; do
        kill -KILL "$pid" 2>/dev/null
    done
    rm -rf "$scratch"
}
trap clean_up EXIT

# check WHAT COMMAND...: one promise, kept if the command succeeds.
check()
{
    local what=$1
    shift
    if "$@" >"$scratch/check.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        sed 's/^/    /' "$scratch/check.log"
    fi
}

# start COMMAND...: a server in the background. Waits for the first line that it prints, and leaves it
# in $line and the process in $server; what it says on standard error is in $scratch/errors.
start()
{
    local pipe=$scratch/pipe out
    rm -f "$pipe"
    mkfifo "$pipe"
    "$@" >"$pipe" 2>"$scratch/errors" &
    server=$!
    exec {out}<"$pipe"
    servers[$server]=$out
    IFS= read -r line <&"$out"
}

# finish SIGNAL: ends $server, and gives its exit status.
finish()
{
    local out=${servers[$server]}
    kill -s "$1" "$server"
    wait "$server"
    local status=$?
    exec {out}<&-
    unset "servers[$server]"
    return $status
}

# How many descriptors $server has open, of sockets and of files in the scratch directory.
descriptors()
{
    find "/proc/$server/fd" -lname 'socket:*' -o -lname "$scratch/*/*" 2>/dev/null | wc -l
}

# until_true COMMAND...: asks again and again, as long as $server lives.
until_true()
{
    until "$@"; do
        kill -0 "$server" 2>/dev/null || return 1
        read -r -t 0.02 <> <(:) # a moment for the others
    done
    return 0
}

# equal A B
equal()
{
    [ "$1" = "$2" ] || {
        echo "got:  $1"
        echo "want: $2"
        return 1
    }
}

# certificate: makes cert.pem and key.pem in the scratch directory, for localhost.
certificate()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>/dev/null
}

# As libcheck says it, to be counted with the others.
summary()
{
    local total=$((passed + failed))
    echo "$((100 * passed / (total ? total : 1)))%: Checks: $total, Failures: $failed, Errors: 0"
    [ "$failed" -eq 0 ]
}
