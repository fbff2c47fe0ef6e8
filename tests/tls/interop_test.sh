#!/usr/bin/env bash
#
# interop_test.sh - TLS against the openssl command, as client and as server.
#
# usage: interop_test.sh INTEROP
#
# shellcheck disable=SC2317  # the functions are reached through check
set -uo pipefail

interop=$(realpath "$1") || exit 1
scratch=$(mktemp -d) || exit 1
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failed=0

# check WHAT COMMAND...: one promise, kept if the command succeeds.
check()
{
    local what=$1
    shift
    if "$@" >check.log 2>&1; then
        echo "ok: $what"
    else
        echo "FAILED: $what"
        tail -n 40 check.log ./*.said | sed 's/^/    /'
        failed=1
    fi
}

# certificate NAME SUBJECT ALTERNATIVE-NAME: signed by the authority.
certificate()
{
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" \
        -keyout "$1.key" -out "$1.csr" &&
        openssl x509 -req -in "$1.csr" -CA root.pem -CAkey root.key -CAcreateserial -days 2 \
            -extfile <(printf 'subjectAltName=%s\nauthorityKeyIdentifier=keyid\n' "$3") \
            -out "$1.pem"
}

{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=root -addext keyUsage=critical,keyCertSign -keyout root.key -out root.pem &&
        certificate server server DNS:localhost && certificate client client DNS:client
} >make.log 2>&1 || {
    cat make.log
    exit 1
}

# await FILE PATTERN: until a line of a growing file matches; prints it. Bounded by a minute.
await()
{
    local line
    line=$(timeout 60 tail -n +1 -F "$1" 2>/dev/null | grep -m 1 -E "$2")
    [ -n "$line" ] && echo "$line"
}

# start NAME COMMAND...: in the background, with its output in NAME.said.
start()
{
    local name=$1
    shift
    : >"$name.said"
    "$@" >"$name.said" 2>&1 <&0 &
    pids+=($!)
}

# ---- weft serves, openssl s_client asks ----

start plain "$interop" serve server.pem server.key </dev/null
start strict "$interop" serve server.pem server.key root.pem </dev/null
plain=$(await plain.said '^port: ' | cut -d' ' -f2)
strict=$(await strict.said '^port: ' | cut -d' ' -f2)

# client PORT LINES OPTION...: s_client sends the lines; what it says goes to client.said. It stays until
# the server has closed.
client()
{
    local port=$1 lines=$2
    shift 2
    printf '%b' "$lines" | timeout 60 openssl s_client -connect "127.0.0.1:$port" -CAfile root.pem \
        -verify_return_error -servername localhost -verify_hostname localhost -quiet "$@" \
        >client.said 2>&1
}

# has FILE LINE...: whether the file has these lines.
has()
{
    local file=$1 line
    shift
    for line; do
        grep -qxF -- "$line" "$file" || return
    done
}

is_answered()
{
    client "$plain" 'hello\nbye\n' "$@"
    has client.said HELLO BYE
}

check "s_client with TLS 1.3" is_answered -tls1_3
check "s_client with TLS 1.2" is_answered -tls1_2
for cipher in ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES256-SHA; do
    check "s_client with $cipher" is_answered -tls1_2 -cipher "$cipher:@SECLEVEL=0"
done
for suite in TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256; do
    check "s_client with $suite" is_answered -ciphersuites "$suite"
done

ended_well()
{
    [ "$(grep -cx 'closed: well' plain.said)" -eq 7 ]
}
check "the server has seen each to a good end" ended_well

# A line "K" has s_client ask for new keys, if it is all that it reads at a time.
new_keys()
{
    local feed step
    rm -f feed
    mkfifo feed
    exec {feed}<>feed
    start keys timeout 60 openssl s_client -connect "127.0.0.1:$plain" -CAfile root.pem -tls1_3 \
        -servername localhost <&"$feed"
    for step in hello:HELLO K:KEYUPDATE again:AGAIN bye:BYE; do
        echo "${step%:*}" >&"$feed"
        await keys.said "^${step#*:}\$" || return
    done
    exec {feed}>&-
}
check "new keys in between" new_keys

too_old()
{
    client "$plain" 'hello\nbye\n' -tls1_1 -cipher 'ALL:@SECLEVEL=0'
    grep -q 'alert protocol version' client.said && ! has client.said HELLO
}
check "TLS 1.1 is refused" too_old

shows_certificate()
{
    client "$strict" 'hello\nbye\n' -cert client.pem -key client.key
    has client.said HELLO BYE && has strict.said 'client: TLSv1.3 certified'
}
shows_none()
{
    client "$strict" 'hello\nbye\n'
    grep -q 'alert certificate required' client.said && ! has client.said HELLO
}
check "a client that shows its certificate" shows_certificate
check "one that shows none is refused" shows_none
check "and the server serves on" shows_certificate

# ---- openssl s_server serves, weft asks ----

# server NAME OPTION...: s_server, which sends each line back reversed; prints its port.
server()
{
    local name=$1
    shift
    start "$name" openssl s_server -accept 127.0.0.1:0 -cert server.pem -key server.key -rev "$@" </dev/null
    await "$name.said" '^ACCEPT' | sed 's/.*://'
}

# asks PORT NAME ROOTS EXPECTED-LINES ARGUMENT...
asks()
{
    local port=$1 name=$2 roots=$3 expected=$4
    shift 4
    printf 'hello\nworld\n' | timeout 60 "$interop" ask "$port" "$roots" "$name" "$@" >ask.said 2>&1
    diff <(printf '%b' "$expected") ask.said
}

talk='answer: olleh\nanswer: dlrow\nclosed: well\n'
port=$(server s13 -tls1_3)
check "s_server with TLS 1.3" asks "$port" localhost root.pem "server: TLSv1.3\n$talk"
check "a name that is not the server's" asks "$port" example.org root.pem \
    'connect: WEFT_ESSLCERTVERIFY: TLS handshake: the certificate is not for example.org\n'
check "a root that is not the server's" asks "$port" localhost client.pem \
    'connect: WEFT_ESSLCERTVERIFY: TLS handshake: certificate verify failed: unable to get local issuer certificate\n'
port=$(server s12 -tls1_2)
check "s_server with TLS 1.2" asks "$port" localhost root.pem "server: TLSv1.2\n$talk"
port=$(server sclient -Verify 1 -verify_return_error -CAfile root.pem)
check "s_server that wants a certificate" asks "$port" localhost root.pem \
    "server: TLSv1.3\n$talk" client.pem client.key
port=$(server s11 -tls1_1 -cipher 'ALL:@SECLEVEL=0')
check "s_server with TLS 1.1 is refused" asks "$port" localhost root.pem \
    'connect: WEFT_ESSL: TLS handshake: tlsv1 alert protocol version\n'

exit $failed
