/*
 * weft/weft.h - all of weft: asyncio for C, on every core.
 */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include <weft/address.h>
#include <weft/base.h>
#include <weft/connect.h>
#include <weft/context.h>
#include <weft/datagram.h>
#include <weft/dns.h>
#include <weft/error.h>
#include <weft/exit_stack.h>
#include <weft/future.h>
#include <weft/generator.h>
#include <weft/graph.h>
#include <weft/loop.h>
#include <weft/pipe.h>
#include <weft/queue.h>
#include <weft/runner.h>
#include <weft/server.h>
#include <weft/signal.h>
#include <weft/socket.h>
#include <weft/stream.h>
#include <weft/subprocess.h>
#include <weft/sync.h>
#include <weft/task.h>
#include <weft/task_group.h>
#include <weft/thread.h>
#include <weft/timeout.h>
#include <weft/transport.h>
#include <weft/wait.h>

#endif
