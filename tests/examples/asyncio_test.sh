#!/usr/bin/env bash
#
# asyncio's best-known examples print what they promise, on virtual time: nobody waits.
#
# usage: asyncio_test.sh PROGRAM...
set -uo pipefail

declare -A programs
for program in "$@"; do
    programs[$(basename "$program")]=$program
done
passed=0
failed=0
tried=' '

# prints NAME ARGUMENT...: the example prints what stands on standard input, and succeeds.
prints() {
    local want got
    want=$(cat)
    got=$(WEFT_CLOCK=virtual "${programs[$1]}" "${@:2}" 2>&1) || got="$got
exit status $?"
    tried="$tried$1 "
    if [ "$got" = "$want" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1"
        diff <(echo "$want") <(echo "$got")
    fi
}

prints hello <<'END'
hello
world
END
prints clock <<'END'
0 s
1 s
2 s
3 s
4 s
END
prints factorials <<'END'
Task A: Compute factorial(2), currently i=2...
Task B: Compute factorial(3), currently i=2...
Task C: Compute factorial(4), currently i=2...
Task A: factorial(2) = 2
Task B: Compute factorial(3), currently i=3...
Task C: Compute factorial(4), currently i=3...
Task B: factorial(3) = 6
Task C: Compute factorial(4), currently i=4...
Task C: factorial(4) = 24
[2, 6, 24]
END
prints eternity <<'END'
timeout!
END
prints cancel_me <<'END'
cancel_me(): before sleep
cancel_me(): cancel sleep
cancel_me(): after sleep
main(): cancel_me is cancelled now
END
prints blocking_io <<'END'
started main
start blocking_io
blocking_io complete
finished main after one second
END
prints threadsafe <<'END'
result: 3
the coroutine took too long, cancelling it
never(): cancelled
END
prints as_completed <<'END'
slept 1 s
slept 2 s
slept 3 s
END
prints queue_workers <<'END'
3 workers slept in parallel for 3.75 seconds
total expected sleep time: 10.50 seconds
20 items
END
prints event <<'END'
waiting for it ...
... got it!
END
prints sync_idioms <<'END'
lock: 1 + 2 + 3 = 6
condition: shared is 6
semaphore: at most 2 inside
bounded semaphore: released too often
END
prints task_group <<'END'
b: fails
a: cancelled
c: cancelled
unhandled errors in a task group
  b has failed
END
prints reschedule <<'END'
finished
looks like we haven't finished on time
END
prints say_after <<'END'
one
two
three
3 s
END
prints run_cmd 'echo out; echo err >&2; exit 3' <<'END'
['echo out; echo err >&2; exit 3' exited with 3]
[stdout]
out
[stderr]
err
END
prints run_cmd 'read x </dev/null; kill $$' <<'END'
['read x </dev/null; kill $$' exited with -15]
END
prints run_cmd true true true <<'END'
['true' exited with 0]
['true' exited with 0]
['true' exited with 0]
END
prints read_line date -u -d @0 +%F <<'END'
it says: 1970-01-01
END
prints read_line no-such-program <<'END'
no-such-program: No such file or directory
exit status 1
END
prints files <<'END'
written and read beside the loop
END
prints runner <<'END'
background: 1
first: hello
background: 2
second: done
background: cancelled by the close
END

for name in "${!programs[@]}"; do
    case $tried in
    *" $name "*) ;;
    *)
        failed=$((failed + 1))
        echo "FAILED: nothing is said of what $name prints"
        ;;
    esac
done

total=$((passed + failed))
echo "$((100 * passed / (total ? total : 1)))%: Checks: $total, Failures: $failed, Errors: 0"
[ $failed -eq 0 ]
