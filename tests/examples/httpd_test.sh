#!/usr/bin/env bash
#
# httpd serves what it should, refuses what it must, keeps up under load, and ends in order.
#
# usage: httpd_test.sh HTTPD [POLLER]
set -uo pipefail

httpd=$(realpath "$1") || exit 1
export WEFT_POLLER=${2:-epoll}
# shellcheck source=tests/examples/checks.sh
. "$(dirname "$0")/checks.sh"
cd "$scratch" || exit 1
export LC_ALL=C

mkdir -p root/sub root/bare outside
printf 'a small file\n' >root/small.txt
printf '<p>index\n' >root/index.html
printf '<p>sub\n' >root/sub/index.html
printf 'spaces\n' >'root/with space.txt'
: >root/empty
head -c 3000000 /dev/urandom >root/big.bin
head -c 8192 /dev/urandom >root/just-small
head -c 8193 /dev/urandom >root/just-large
printf 'secret\n' >outside/secret
ln -s small.txt root/inside
ln -s ../outside/secret root/leads-out
ln -s /etc/passwd root/leads-far-out
ln -s ../outside root/folder-out
mkfifo root/fifo

# serve OPTION...: a server on a port of its own; $url is where.
serve()
{
    start "$httpd" --port 0 --root root "$@" || return 1
    url=${line#listening on }
    url=${url%/}
    address=${url#*://}
    port=${address##*:}
}

get=(curl -sS --max-time 60 --path-as-is)

# body PATH FILE [OPTION...]: that path has the bytes of that file.
body()
{
    "${get[@]}" "${@:3}" "$url$1" -o got && cmp got "$2"
}

# status CODE PATH [OPTION...]
status()
{
    equal "$("${get[@]}" "${@:3}" -o got -w '%{http_code}' "$url$2")" "$1"
}

# header LINE PATH [OPTION...]: the head of the answer has that line.
header()
{
    "${get[@]}" "${@:3}" -D heads -o got "$url$2" && tr -d '\r' <heads >lines && cat lines >&2 &&
        grep -qixF "$1" lines
}

# part RANGE FIRST COUNT: a range is answered with those bytes of the big file.
part()
{
    tail -c "+$(($2 + 1))" root/big.bin | head -c "$3" >want
    status 206 /big.bin -r "$1" && cmp got want
}

# raw: sends its input as it is, and prints the answers, up to the end of the connection.
raw()
{
    nc -N 127.0.0.1 "$port" | tr -d '\r'
}

etag()
{
    "${get[@]}" -I "$url$1" | tr -d '\r' | sed -n 's/^ETag: //p'
}

unchanged()
{
    status 304 /small.txt -H "If-None-Match: $(etag /small.txt)" && status 200 /small.txt -H 'If-None-Match: "x"'
}

same_version()
{
    status 206 /big.bin -r 5-9 -H "If-Range: $(etag /big.bin)"
}

no_body()
{
    "${get[@]}" -I "$url/big.bin" | tr -d '\r' >heads && grep -qx 'Content-Length: 3000000' heads &&
        equal "$(printf 'HEAD /small.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' | raw | tail -n 1)" ''
}

keeps_alive()
{
    equal "$("${get[@]}" -o got -o got2 -o got3 -w '%{num_connects}\n' \
        "$url/small.txt" "$url/big.bin" "$url/hello" | paste -sd+)" 1+0+0
}

# Five requests in one go, answered in order; the last one says that it is.
pipelined()
{
    {
        printf 'GET /hello HTTP/1.1\r\nHost: x\r\n\r\n'
        printf 'GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n'
        printf 'GET /sleep?s=0.01 HTTP/1.1\r\nHost: x\r\n\r\n'
        printf 'POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc'
        printf 'GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
        printf 'GET /hello HTTP/1.1\r\nHost: x\r\n\r\n'
    } | raw >got
    equal "$(grep -o 'HTTP/1.1 [0-9]*\|Hello, World!\|^a small file\|^slept' got | paste -sd,)" \
        'HTTP/1.1 200,Hello, World!,HTTP/1.1 200,a small file,HTTP/1.1 200,slept,HTTP/1.1 405,HTTP/1.1 404'
}

# A hundred pipelined requests are answered to the last, more than fit in any buffer.
long_pipeline()
{
    local i
    for i in $(seq 99); do
        printf 'GET /just-small HTTP/1.1\r\nHost: x\r\nNumber: %d\r\n\r\n' "$i"
    done >requests
    printf 'GET /big.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >>requests
    nc -N 127.0.0.1 "$port" <requests >got
    equal "$(grep -ao 'HTTP/1.1 200 OK' got | wc -l)" 100 && tail -c 3000000 got | cmp - root/big.bin
}

# request TEXT...: is answered with the status that comes first, and the connection ends.
request()
{
    local want=$1
    shift
    # shellcheck disable=SC2059  # it is a format
    equal "$(printf "$@" | raw | head -n 1 | cut -d' ' -f2)" "$want"
}

many_headers()
{
    status 431 /hello -H "Long: $(head -c 20000 /dev/zero | tr '\0' x)"
}

long_target()
{
    status 414 "/$(head -c 3000 /dev/zero | tr '\0' x)"
}

# A body that is asked for is refused before it is sent, one that is too long while it is.
bodies()
{
    status 405 /hello -X PUT -T root/just-large && status 405 /hello -T root/big.bin &&
        request 413 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n%01200000d' 0
}

hashes()
{
    local want
    want=$(python3 -c '
mask = 2**64 - 1
def mixed(x):
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & mask
    x = (x ^ x >> 27) * 0x94d049bb133111eb & mask
    return x ^ x >> 31
print("%016x" % (sum(mixed(i + 1) for i in range(1200)) & mask))')
    equal "$("${get[@]}" "$url/hash?n=1200")" "$want" &&
        equal "$("${get[@]}" "$url/hash?n=0")" 0000000000000000 &&
        equal "$("${get[@]}" "$url/hash?n=7654321")" "$hash_of_many"
}

# requests: how many all loops have had, this one included.
requests()
{
    "${get[@]}" "$url/metrics" | awk '/^httpd_requests_total/ { sum += $2 } END { print sum }'
}

counts()
{
    local before after
    before=$(requests)
    status 200 /hello && status 404 /nowhere
    after=$(requests)
    equal $((after - before)) 3
}

# parallel COUNT PATH: that many at once, as far as curl goes, all of them answered well.
parallel()
{
    "${get[@]}" -Z --parallel-immediate --parallel-max 300 -o /dev/null -w '%{http_code}\n' \
        "$url$2[1-$1]" "${@:3}" >codes 2>/dev/null
    equal "$(sort codes | uniq -c | tr -s ' ')" " $1 200"
}

# thousand PATH: a thousand connections at once.
thousand()
{
    python3 - "$port" "$1" <<'END'
import socket, sys
port, path = int(sys.argv[1]), sys.argv[2]
request = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode()
clients = [socket.create_connection(("127.0.0.1", port), 60) for i in range(1000)]
for client in clients:
    client.sendall(request)
bad = 0
for client in clients:
    answer = b""
    while more := client.recv(65536):
        answer += more
    bad += not answer.startswith(b"HTTP/1.1 200 OK\r\n")
print(bad, "bad answers")
sys.exit(bad > 0)
END
}

# load PATH: a second of wrk without a failed request. How long an answer takes is the machine's
# business.
load()
{
    wrk -t2 -c64 -d1s --timeout 120s "$url$1" >got && cat got && ! grep -E 'Socket errors|Non-2xx' got &&
        grep -q 'requests in' got
}

# Connections and files are given back: as many descriptors as before.
few_descriptors()
{
    [ "$(descriptors)" -le "$1" ]
}

plain_to_tls()
{
    ! printf 'GET /hello HTTP/1.1\r\nHost: x\r\n\r\n' | raw | grep -a 'Hello'
}

# unread COUNT: pipelines of many lengths, whose last answers fill the system's buffers, or nearly: in
# one of them what is left when the server closes is all that there is to wait for.
unread()
{
    local held status
    coproc python3 -c '
import socket, sys
held = []
for count in range(2, 62):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536) # the server then has small buffers too
    client.connect(("127.0.0.1", int(sys.argv[1])))
    client.sendall(b"GET /just-small HTTP/1.1\r\nHost: x\r\n\r\n" * count +
                   b"GET /just-small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    held.append(client)
print("held", flush=True)
sys.stdin.read()' "$port"
    # shellcheck disable=SC2153  # coproc sets it
    local pid=$COPROC_PID
    read -r held <&"${COPROC[0]}"
    equal "$held" held && until_true few_descriptors "$1"
    status=$?
    kill "$pid"
    wait "$pid"
    return $status
}

more_descriptors()
{
    [ "$(descriptors)" -gt "$1" ]
}

# A hundred connections at once, which ask when the server has said that it cannot have them all. Each
# is answered in the end: as others close, their descriptors serve those that wait.
hundred_held()
{
    python3 /dev/fd/3 "$port" 3<<'END' < <(until_true grep -q 'out of resources' "$scratch/errors")
import socket, sys
address = ("127.0.0.1", int(sys.argv[1]))
request = b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
clients = [socket.create_connection(address, 60) for i in range(100)]
sys.stdin.read()
for client in reversed(clients):
    client.sendall(request)
bad = 0
for client in clients:
    answer = b""
    while more := client.recv(65536):
        answer += more
    client.close()
    bad += not answer.startswith(b"HTTP/1.1 200 OK\r\n")
sys.exit(bad > 0)
END
}

ends_well()
{
    finish "$1"
    equal $? 0 && equal "$(cat "$scratch/errors")" ''
}

# slow TEXT: what a server answers who does not go on after that; it ends the connection then.
slow()
{
    exec 8<>"/dev/tcp/127.0.0.1/$port"
    # shellcheck disable=SC2059  # it is a format
    printf "$1" >&8
    tr -d '\r' <&8 | head -n 1
    exec 8>&-
}

# An answer is on its way when the server is told to end: it arrives, and the silent connection is
# closed.
drains()
{
    local polls=1 client
    exec 8<>"/dev/tcp/127.0.0.1/$port"
    "${get[@]}" "$url/sleep?s=1" -o got -w '%{http_code}' >code &
    client=$!
    while [ "$(requests)" -ne $((polls + 1)) ]; do
        polls=$((polls + 1))
    done
    finish TERM
    equal $? 0 && wait $client && equal "$(cat code) $(cat got)" '200 slept' &&
        equal "$(cat <&8)" '' && ! "${get[@]}" "$url/hello"
}

# One that takes too long is cut off.
cuts_off()
{
    local polls=1 client
    "${get[@]}" "$url/sleep?s=60" -o got &
    client=$!
    while [ "$(requests)" -ne $((polls + 1)) ]; do
        polls=$((polls + 1))
    done
    finish TERM
    equal $? 0 && grep 'connections are cut off' "$scratch/errors" && ! wait $client
}

# ends STATUS TEXT OPTION...: does not start, and says why.
ends()
{
    timeout 60 "$httpd" "${@:3}" >got 2>said
    equal $? "$1" && cat said && grep -F -- "$2" said got
}

files()
{
    check "a small file$1" body /small.txt root/small.txt
    check "a large one$1" body /big.bin root/big.bin
    check "the largest small one$1" body /just-small root/just-small
    check "the smallest large one$1" body /just-large root/just-large
    check "an empty one$1" body /empty root/empty
    check "the index of a directory$1" body / root/index.html
    check "a range$1" part 100-1099 100 1000
    check "and its place in the file$1" header 'Content-Range: bytes 100-1099/3000000' /big.bin -r 100-1099
}

certificate || exit 1
serve --loops 2 || exit 1
before=$(descriptors)
files ''
check 'of a subdirectory' body /sub/ root/sub/index.html
check 'a directory without its slash' status 301 /sub
check 'is where the slash is' header 'Location: /sub/' /sub
check 'nowhere else' header 'Location: /sub/' //sub
check 'a directory without an index' status 404 /bare/
check 'an escaped name' body '/with%20space.txt' 'root/with space.txt'
check 'a query is no part of a name' body '/small.txt?x=/y' root/small.txt
check 'a type by the name' header 'Content-Type: text/plain; charset=utf-8' /small.txt
check 'a link that stays' body /inside root/small.txt
check 'a link that leads out' status 404 /leads-out
check 'far out' status 404 /leads-far-out
check 'on the way' status 404 /folder-out/secret
check 'dots that lead up' status 400 /../outside/secret
check 'dots in disguise' status 400 /sub/%2e%2e/%2E%2e/outside/secret
check 'a zero byte' status 400 /small.txt%00.html
check 'no regular file' status 403 /fifo
check 'nothing there' status 404 /nowhere
check 'a file as a directory' status 404 /small.txt/
check 'the rest of a file' part 2999000- 2999000 1000
check 'the end of a file' part -1234 2998766 1234
check 'one byte' part 0-0 0 1
check 'a range of a small file' header 'Content-Range: bytes 2-6/13' /small.txt -r 2-6
check 'a range outside' status 416 /small.txt -r 13-
check 'says how much there is' header 'Content-Range: bytes */13' /small.txt -r 13-
check 'a file that is known already' unchanged
check 'a range of the same version' same_version
check 'a range of another version is all of it' status 200 /big.bin -r 5-9 -H 'If-Range: "x"'
check 'a head has no body' no_body
check 'a connection is used again' keeps_alive
check 'pipelined requests' pipelined
check 'a long pipeline' long_pipeline
check 'a text' status 200 /hello
check 'another method' status 405 /hello -X DELETE
check 'says which there are' header 'Allow: GET, HEAD' /hello -X POST -d x=y
check 'bodies' bodies
check 'too much of a head' many_headers
check 'too long a target' long_target
check 'no HTTP' request 400 'hello\r\n\r\n'
check 'a newer HTTP' request 505 'GET / HTTP/4.2\r\nHost: x\r\n\r\n'
check 'an older one' request 200 'GET /hello HTTP/1.0\r\n\r\n'
check 'no host' request 400 'GET /hello HTTP/1.1\r\n\r\n'
check 'a sleep' status 200 '/sleep?s=0.1'
check 'no such sleep' status 400 '/sleep?s=-1'
check 'a sleep without end' status 400 '/sleep?s=1e9'
check 'no such hash' status 400 '/hash?n=x'
check 'requests are counted' counts
check 'a thousand connections' thousand /hello
check 'a thousand sleepers' thousand '/sleep?s=0.3'
check 'a thousand requests at once' parallel 1000 '/hello?'
check 'files at once' parallel 200 '/big.bin?'
check 'work at once' parallel 30 '/hash?n=100000&x='
check 'load on a text' load /hello
check 'load on a small file' load /small.txt
check 'load on a large file' load /big.bin
check 'every descriptor is given back' until_true few_descriptors "$before"
many=$("${get[@]}" "$url/hash?n=7654321")
check 'it ends when it is told to' ends_well TERM

serve --loops 1 || exit 1
hash_of_many=$many
check 'hashes, as many loops as there are' hashes
check 'one loop ends as well' ends_well INT

serve --cert cert.pem --key key.pem || exit 1
get+=(--cacert cert.pem)
files ', over TLS'
check 'a connection is used again, over TLS' keeps_alive
check 'a thousand requests at once, over TLS' parallel 1000 '/hello?'
check 'files at once, over TLS' parallel 50 '/big.bin?'
check 'a client without TLS gets nowhere' plain_to_tls
check 'load on a text, over TLS' load /hello
check 'load on a large file, over TLS' load /big.bin
check 'it ends when it is told to, over TLS' ends_well TERM

serve --cert cert.pem --key key.pem --request-timeout 0.2 || exit 1
check 'who is silent in the TLS handshake is let go' timeout 30 nc -d 127.0.0.1 "$port"
check 'that server ends, too' ends_well TERM

serve --idle-timeout 0.2 --request-timeout 0.2 || exit 1
check 'a silent client is let go' equal "$(slow '')" ''
check 'one that stops in a request is told' equal "$(slow 'GET / HT')" 'HTTP/1.1 408 Request Timeout'
check 'one that stops in a body is told' equal \
    "$(slow 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx')" 'HTTP/1.1 408 Request Timeout'
check 'the server ends after that' ends_well TERM

serve --send-timeout 0.2 || exit 1
before=$(descriptors)
exec 8<>"/dev/tcp/127.0.0.1/$port"
for _ in 1 2 3 4 5; do # more than the system keeps for somebody who does not read
    printf 'GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n'
done >&8
check 'a client that takes nothing is served' until_true more_descriptors "$before"
check 'and given up' until_true few_descriptors "$before"
exec 8>&-
check 'answers that nobody takes are dropped' unread "$before"
check 'the server ends after that' ends_well TERM

# Fewer descriptors than connections: those that find none wait, and are served later.
httpd_unbounded=$httpd
httpd=few
few()
{
    ulimit -n 64 && exec "$httpd_unbounded" "$@"
}
serve || exit 1
httpd=$httpd_unbounded
check 'out of descriptors' hundred_held
check 'and served on' status 200 /hello
finish TERM
check 'it ends' equal $? 0
check 'and has said what was missing' grep -q 'out of resources' "$scratch/errors"

serve --max-connections 1 || exit 1
exec 7<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /hello HTTP/1.1\r\nHost: x\r\n\r\n' >&7
check 'one connection too many' until_true status 503 /hello
exec 7>&-
check 'not too many any more' until_true status 200 /hello
check 'the full server ends' ends_well TERM

serve || exit 1
check 'requests in flight are finished' drains
serve --drain-timeout 0.2 || exit 1
check 'up to a time limit' cuts_off

check 'help' ends 0 'usage: httpd' --help
check 'no such option' ends 1 'usage: httpd' --nonsense
check 'no such number' ends 1 'usage: httpd' --loops none
check 'no such root' ends 1 'nowhere: No such file' --port 0 --root nowhere
check 'no such certificate' ends 1 'nowhere' --port 0 --cert nowhere
serve || exit 1
check 'a port that is taken' ends 1 'Address already in use' --port "$port"
check 'the first server is still there' status 200 /hello
check 'and ends' ends_well TERM
summary
