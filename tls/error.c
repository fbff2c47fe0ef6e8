/*
 * error.c - what OpenSSL says of a failure, as an error of ours.
 *
 * OpenSSL queues reasons for each thread, the first cause first. A thread runs many tasks: whoever
 * calls OpenSSL empties the queue before, so that what is found after a failure is of that call.
 */
#include "tls/error.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

/* The cause that says most: a system call's, else the verdict on a certificate, else the last. */
struct cause {
    int code;
    unsigned long reason;
};

static void cause_weigh(struct cause *cause, unsigned long reason)
{
    if (ERR_SYSTEM_ERROR(reason) && ERR_GET_REASON(reason) != 0) {
        cause->code = -ERR_GET_REASON(reason);
        cause->reason = reason;
        return;
    }
    if (cause->code != WEFT_ESSL)
        return;
    if (ERR_GET_REASON(reason) == ERR_R_MALLOC_FAILURE)
        cause->code = -ENOMEM;
    else if (ERR_GET_LIB(reason) == ERR_LIB_SSL &&
             ERR_GET_REASON(reason) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        cause->code = WEFT_ESSLCERTVERIFY;
    cause->reason = reason;
}

static struct cause take_cause(void)
{
    struct cause cause = {WEFT_ESSL, 0};
    unsigned long reason;
    while ((reason = ERR_get_error()) != 0)
        cause_weigh(&cause, reason);
    return cause;
}

static weft_error *verdict_error(const SSL *ssl, const char *what)
{
    long verdict = SSL_get_verify_result(ssl);
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH && name)
        return weft_error_new(WEFT_ESSLCERTVERIFY, "%s: the certificate is not for %s", what, name);
    return weft_error_new(WEFT_ESSLCERTVERIFY, "%s: certificate verify failed: %s", what,
                          X509_verify_cert_error_string(verdict));
}

int wf_tls_error(const SSL *ssl, const char *what, weft_error **ret_error)
{
    struct cause cause = take_cause();
    const char *reason =
        cause.code == WEFT_ESSL ? ERR_reason_error_string(cause.reason) : weft_strerror(cause.code);

    if (cause.code == WEFT_ESSLCERTVERIFY && ssl)
        *ret_error = verdict_error(ssl, what);
    else
        *ret_error =
            weft_error_new(cause.code, "%s: %s", what, reason ? reason : "no reason known");
    return cause.code;
}

int wf_tls_raise(const char *what)
{
    weft_error *error;
    int code = wf_tls_error(NULL, what, &error);
    return error ? weft_raise(error) : weft_fail(code, NULL);
}
