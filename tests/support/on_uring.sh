#!/bin/sh
# on_uring.sh PROGRAM: runs it with loops that wait on io_uring.
export WEFT_POLLER=io_uring
exec "$@"
