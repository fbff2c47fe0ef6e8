/*
 * datagram_transport.h - transports over datagram sockets.
 */
#ifndef WEFT_API_DATAGRAM_TRANSPORT_H
#define WEFT_API_DATAGRAM_TRANSPORT_H

#include <weft/datagram.h>

#include "api/transport.h"

struct datagram_transport_options {
    const weft_address *remote; /* the only target, connected to or not; NULL: any */
    weft_future *waiter;        /* gets NULL once connection_made was called; borrowed */
};

/*
 * A transport over a non-blocking datagram socket, which is the transport's if the call succeeds;
 * registered with no poller. Otherwise as wf_socket_transport_new(). NULL with errno ENOMEM.
 */
weft_transport *wf_datagram_transport_new(struct weft_loop *loop, int fd, weft_protocol *protocol,
                                          const struct datagram_transport_options *options);

#endif
