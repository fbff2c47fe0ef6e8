/*
 * bio.c - OpenSSL's end of the queues: it reads from `in` and writes to `out` (N1).
 *
 * It never says that the stream has ended: that is known from the lower transport, and where it
 * counts it is looked at there.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>

#include "tls/connection.h"

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static int queue_read(BIO *bio, char *buffer, int size)
{
    struct tls *tls = BIO_get_data(bio);
    size_t held = bytes_held(&tls->in);

    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return 0;
    if (held == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t count = held < (size_t)size ? held : (size_t)size;
    memcpy(buffer, bytes_first(&tls->in), count);
    bytes_take(&tls->in, count);
    return (int)count;
}

static int queue_write(BIO *bio, const char *data, int count)
{
    struct tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (count <= 0)
        return 0;
    if (!wf_tls_bytes_reserve(&tls->out, (size_t)count)) {
        ERR_raise(ERR_LIB_BIO, ERR_R_MALLOC_FAILURE);
        return -1;
    }
    bytes_put(&tls->out, data, (size_t)count);
    return count;
}

static long queue_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static void method_make(void)
{
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weft");
    if (made && BIO_meth_set_read(made, queue_read) && BIO_meth_set_write(made, queue_write) &&
        BIO_meth_set_ctrl(made, queue_control))
        method = made;
    else
        BIO_meth_free(made);
}

BIO *wf_tls_bio_new(struct tls *tls)
{
    pthread_once(&method_once, method_make);
    BIO *bio = method ? BIO_new(method) : NULL;
    if (bio) {
        BIO_set_data(bio, tls);
        BIO_set_init(bio, 1);
    }
    return bio;
}
