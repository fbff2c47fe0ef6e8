/*
 * socket_group.c - the socket transports that somebody looks after, such as a server.
 */
#include "api/socket_state.h"

void wf_socket_group_join(struct socket_group *group, struct socket_transport *s)
{
    s->group = group;
    if (!group)
        return;
    s->next = group->first;
    if (s->next)
        s->next->prev = s;
    group->first = s;
    group->count++;
}

void wf_socket_group_leave(struct socket_transport *s)
{
    struct socket_group *group = s->group;

    if (!group)
        return;
    *(s->prev ? &s->prev->next : &group->first) = s->next;
    if (s->next)
        s->next->prev = s->prev;
    s->prev = s->next = NULL;
    s->group = NULL;
    group->count--;
}

void wf_socket_transport_set_upper(weft_transport *transport, weft_transport *upper)
{
    socket_of(transport)->upper = upper;
}

void wf_socket_group_close(struct socket_group *group)
{
    for (struct socket_transport *s = group->first; s; s = s->next)
        weft_transport_close(s->upper ? s->upper : socket_base(s));
}

void wf_socket_group_abort(struct socket_group *group)
{
    for (struct socket_transport *s = group->first; s; s = s->next)
        weft_transport_abort(socket_base(s));
}

void wf_socket_group_disband(struct socket_group *group)
{
    while (group->first)
        wf_socket_group_leave(group->first);
}
