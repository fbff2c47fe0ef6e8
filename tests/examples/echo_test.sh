#!/usr/bin/env bash
#
# The echo server and its client, and other programs' clients and servers in their places.
#
# usage: echo_test.sh ECHO_SERVER ECHO_CLIENT [POLLER]
set -uo pipefail

echo_server=$(realpath "$1") || exit 1
echo_client=$(realpath "$2") || exit 1
export WEFT_POLLER=${3:-epoll}
# shellcheck source=tests/examples/checks.sh
. "$(dirname "$0")/checks.sh"
cd "$scratch" || exit 1

seq 1 2000 >lines

# serve OPTION...
serve()
{
    start "$echo_server" "$@" || return 1
    address=${line#serving on }
    port=${address##*:}
}

# echoes COMMAND...: sends the lines, and gets them back.
echoes()
{
    "$@" <lines >got && cmp got lines
}

# The same over TLS, where a client that ends its direction ends both.
# shellcheck disable=SC2094  # it waits for the answers to come
tls_echoes()
{
    {
        cat lines
        until_true cmp -s got lines
    } | openssl s_client -quiet -no_ign_eof -verify_return_error -CAfile cert.pem \
        -connect "127.0.0.1:$port" >got && cmp got lines
}

# no_echo TEXT: is not sent back, and the connection ends.
no_echo()
{
    echo "$1" | nc -N 127.0.0.1 "$port" >got
    ! grep -qaF "$1" got
}

# crowd COUNT COMMAND...: so many at once.
crowd()
{
    local count=$1 pids=() i bad=0
    shift
    for i in $(seq "$count"); do
        "$@" <lines >"got.$i" &
        pids+=($!)
    done
    for i in $(seq "$count"); do
        wait "${pids[i - 1]}" && cmp "got.$i" lines || bad=$((bad + 1))
    done
    equal "$bad" 0
}

# The client is told, and others are served on.
too_long()
{
    head -c 200000 /dev/zero | tr '\0' x | nc -N 127.0.0.1 "$port" >got
    equal "$(cat got)" 'error: that line is too long' && echoes nc -N 127.0.0.1 "$port"
}

# A client in the middle of a line when the server is told to end.
ends_well()
{
    local client
    rm -f hold
    mkfifo hold
    socat -t0 - "$1" <hold >got-hold &
    client=$!
    exec 5>hold
    echo one >&5
    until_true grep -q one got-hold || return 1
    printf tw >&5
    finish TERM
    local status=$?
    wait $client # whether it was at ease with that is its own concern
    exec 5>&-
    equal $status 0 && equal "$(cat errors)" ''
}

# refuses TEXT COMMAND...: fails, and says why.
refuses()
{
    if "${@:2}" <lines >got 2>said; then
        return 1
    fi
    cat said
    grep -qF -- "$1" said
}

serve --port 0 || exit 1
check 'over TCP, with nc' echoes nc -N 127.0.0.1 "$port"
check 'with socat' echoes socat - "TCP4:127.0.0.1:$port"
check 'with its own client' echoes "$echo_client" --port "$port"
check 'by name' echoes "$echo_client" --host localhost --port "$port"
check 'a last line without its newline' equal "$(printf 'a\nb' | "$echo_client" --port "$port")" "$(printf 'a\nb')"
check 'fifty at once' crowd 50 nc -N 127.0.0.1 "$port"
check 'a line that is too long' too_long
check 'it ends while clients are there' ends_well "TCP4:127.0.0.1:$port"
check 'then nobody listens' refuses 'Connection refused' "$echo_client" --port "$port"

serve --unix "$scratch/socket" || exit 1
check 'the address of a Unix socket' equal "$address" "$scratch/socket"
check 'over a Unix socket, with nc' echoes nc -N -U socket
check 'with socat' echoes socat - UNIX-CONNECT:socket
check 'with its own client' echoes "$echo_client" --unix socket
check 'it ends while clients are there' ends_well UNIX-CONNECT:socket
check 'and its socket is gone' test ! -e socket

certificate || exit 1
serve --port 0 --cert cert.pem --key key.pem || exit 1
check 'over TLS, with openssl' tls_echoes
check 'with its own client' echoes "$echo_client" --host localhost --port "$port" --ca cert.pem
check 'a dozen at once' crowd 12 "$echo_client" --host localhost --port "$port" --ca cert.pem
check 'a certificate for somebody else' refuses 'certificate' \
    "$echo_client" --host localhost --port "$port" --ca cert.pem --name example.org
check 'a client without TLS gets nowhere' no_echo 'there is no TLS in this'
check 'others are served on' echoes "$echo_client" --host localhost --port "$port" --ca cert.pem
finish TERM
check 'it ends' equal $? 0
summary
