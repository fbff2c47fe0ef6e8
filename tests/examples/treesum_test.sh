#!/usr/bin/env bash
#
# treesum prints what sha256sum prints, ends as it ends, and can be interrupted.
#
# usage: treesum_test.sh TREESUM
set -uo pipefail

treesum=$(realpath "$1") || exit 1
scratch=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$scratch"; rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1

passed=0
failed=0

# check WHAT COMMAND...: one promise, kept if the command succeeds.
check() {
    what=$1
    shift
    if "$@" >check.log 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        sed 's/^/    /' check.log
    fi
}

# same STATUS PATH...: treesum prints the bytes that sha256sum prints, and ends with this status.
# $options are treesum's alone; $as is a command that runs treesum and its counterparts.
options=()
as=(env)
same() {
    status=$1
    shift
    "${as[@]}" "$treesum" "${options[@]}" "$@" >got 2>errors
    got_status=$?
    "${as[@]}" find "$@" -type f -print0 2>/dev/null | LC_ALL=C sort -z |
        xargs -0 -r "${as[@]}" sha256sum >want 2>/dev/null
    cat errors
    if [ "$got_status" -ne "$status" ]; then
        echo "exit status $got_status, not $status"
        return 1
    fi
    cmp got want
}

same_here() {
    (cd tree && "$treesum") >got 2>errors || return 1
    (cd tree && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) >want
    cmp got want
}

# says TEXT: the last run of treesum said this on standard error.
says() {
    if ! grep -qF "$1" errors; then
        echo "standard error has no '$1':"
        cat errors
        return 1
    fi
}

# A tree with everything that has gone wrong for somebody.
mkdir -p tree/a/b/c/d tree/a-b tree/a.b tree/empty 'tree/with space' $'tree/new\nline' \
    'tree/back\slash'
for name in a/f a/b/f a/b/c/d/f a-b/f a.b/f a0 ab 'with space/ f ' $'new\nline/f' \
    'back\slash/f' $'carriage\rreturn' $'tab\tulator' \\ - --stats '*' $'\303\251' $'\377\001' .hidden; do
    printf 'this is %s\n' "$name" >"tree/$name"
done
: >tree/nothing
head -c 262143 /dev/urandom >tree/chunk-less-one # a chunk is 262144 bytes
head -c 262144 /dev/urandom >tree/chunk
head -c 262145 /dev/urandom >tree/chunk-and-one
head -c 20971520 /dev/urandom >tree/big
ln -s .. tree/a/loop
ln -s . tree/self
ln -s f tree/a/link
ln -s /nowhere tree/dangling
mkfifo tree/fifo
mkdir wide
(cd wide && seq 1 5000 | xargs touch)
mkdir links
ln -s ../tree links/tree
deep=deep
for level in $(seq 1 60); do
    deep=$deep/$level
    mkdir -p "$deep"
    echo "$level" >"$deep/file"
done

check 'odd names, sizes around a chunk, links and loops' same 0 tree
check 'the total counts files and bytes' says "treesum: $(wc -l <want) files, "
check 'more files than the window holds' same 0 wide
check 'a deep tree' same 0 deep
check 'trees in any order come out sorted' same 0 wide tree deep
check 'trees that overlap, one of them twice' same 0 tree/a tree wide tree tree/a/b
check 'a directory with a slash at its end' same 0 tree/
check 'a file as a tree' same 0 tree/big tree/a0
check 'a link as a tree is not followed' same 0 links/tree
check 'a link with a slash at its end is' same 0 links/tree/
check 'nothing at all' same 0 tree/empty
check 'no path is the working directory' same_here
options=(--loops 1)
check 'one loop' same 0 tree wide
options=(--loops 4 --stats)
check 'four loops' same 0 tree wide
check 'statistics of every loop' says 'treesum: loop 3 ran '
options=()
check 'a real tree' same 0 /usr/include

# What cannot be read is said and counted, and the rest is summed. /proc/self/mem is refused to
# everybody, whoever runs this.
check 'a path that is not there' same 1 tree nowhere
check 'is named with the reason' says 'treesum: nowhere: No such file or directory'
check 'and counted' says '; 1 could not be read'
check 'a file that cannot be read' same 1 tree /proc/self/mem nowhere
check 'is named with the reason' says 'treesum: /proc/self/mem: Input/output error'
check 'and counted' says '; 2 could not be read'
check 'its name is escaped' same 1 $'no\nwhere'
check 'as in the sums' says 'treesum: no\nwhere: No such file or directory'

mkdir -p forbidden/directory
for name in directory/file file public; do
    echo "$name" >forbidden/$name
done
chmod 0 forbidden/directory forbidden/file
if cat forbidden/file >/dev/null 2>&1; then # root may, unless it gives that up
    gone=-dac_override,-dac_read_search
    as=(setpriv "--bounding-set=$gone" "--inh-caps=$gone")
fi
if "${as[@]}" true 2>/dev/null && ! "${as[@]}" cat forbidden/file >/dev/null 2>&1; then
    check 'what is forbidden' same 1 forbidden
    check 'a forbidden directory is named' says 'treesum: forbidden/directory: Permission denied'
    check 'a forbidden file is named' says 'treesum: forbidden/file: Permission denied'
    check 'both are counted' says '1 files, 0.0 MB; 2 could not be read'
fi
as=(env)

# ends STATUS ARGUMENT...
ends() {
    status=$1
    shift
    "$treesum" "$@" >got 2>errors
    got_status=$?
    if [ "$got_status" -ne "$status" ]; then
        echo "exit status $got_status, not $status"
        cat errors
        return 1
    fi
}

full() {
    "$treesum" wide >/dev/full 2>errors
    [ $? -eq 1 ]
}

check 'help is no error' ends 0 --help
check 'an unknown option is' ends 1 --nonsense
check 'no loops are not enough' ends 1 --loops 0
check 'loops are a number' ends 1 --loops many
check 'a full disk is an error' full
check 'of writing' says 'treesum: write error: No space left on device'

# A shell that is not interactive ignores SIGINT for what it runs with "&".
default=(env --default-signal=INT)

# A file that takes an hour to sum, and no room on the disk. Where files cannot be so big, a test of
# an interrupt could end before it.
truncate -s 8T endless || truncate -s 1T endless || exit 1

# interrupted STATUS COMMAND...: the command, which must be summing the endless file, ends with this
# status when it gets the signals in "${signals[@]}". A shell ignores SIGINT for what it runs with "&".
reading_endless() {
    local fd
    for fd in /proc/"$1"/fd/*; do
        [[ $(readlink "$fd") != */endless ]] || return 0
    done
    return 1
}

# interrupted STATUS COMMAND...: the command, which must be summing the endless file, ends with this
# status when it gets the signals in $signals.
interrupted() {
    status=$1
    shift
    "$@" >got 2>errors &
    pid=$!
    until reading_endless $pid; do
        kill -0 $pid || return 1
    done
    for signal in "${signals[@]}"; do
        kill -s "$signal" $pid
    done
    wait $pid
    got_status=$?
    cat errors
    if [ "$got_status" -ne "$status" ]; then
        echo "exit status $got_status, not $status"
        return 1
    fi
    ! grep -vE '^\\?[0-9a-f]{64}  ' got && ! [ -s errors ]
}

# Nobody reads what it prints: the first signal waits for the write, the second ends that too.
stuck() {
    mkfifo unread
    "${default[@]}" "$treesum" wide tree >unread 2>errors &
    pid=$!
    exec 3<unread
    dd bs=1 count=1 <&3 >got 2>/dev/null # it has begun to print
    while kill -s INT $pid 2>/dev/null; do
        :
    done &
    wait $pid
    got_status=$?
    wait
    exec 3<&-
    [ "$got_status" -eq 130 ]
}

# Ctrl-C at a terminal, once the progress line is there, which is wiped in the end.
typed() {
    mkfifo keys
    script -qfec "exec env --default-signal=INT '$treesum' tree endless" /dev/null \
        <keys >screen 2>&1 &
    pid=$!
    exec 3>keys
    until grep -q 'files, .* MB, .* MB/s' screen; do
        kill -0 $pid || return 1
    done
    printf '\003' >&3
    wait $pid
    got_status=$?
    exec 3>&-
    cat -v screen
    printf '\r\033[K' >wiped
    tail -c 4 screen | cmp - wiped && [ "$got_status" -eq 130 ]
}

signals=(INT)
check 'an interrupt ends it with 130' interrupted 130 "${default[@]}" "$treesum" tree endless wide
signals=(TERM)
check 'a request to end ends it with 143' interrupted 143 "${default[@]}" "$treesum" wide endless
check 'one loop as well' interrupted 143 "${default[@]}" "$treesum" --loops 1 endless
signals=(INT TERM)
check 'an ignored interrupt stays ignored' interrupted 143 "$treesum" endless
check 'two interrupts end it while its output is stuck' stuck
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    check 'Ctrl-C at a terminal' typed
fi

# As libcheck says it, to be counted with the others.
total=$((passed + failed))
echo "$((100 * passed / total))%: Checks: $total, Failures: $failed, Errors: 0"
[ "$failed" -eq 0 ]
