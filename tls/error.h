/*
 * error.h - what OpenSSL says of a failure, as an error of ours.
 */
#ifndef WEFT_TLS_ERROR_H
#define WEFT_TLS_ERROR_H

#include <openssl/ssl.h>
#include <weft/error.h>

/*
 * Takes what OpenSSL has queued about a call that failed, as an error: "what: reason". The code is
 * that of the system if a system call failed, -ENOMEM, WEFT_ESSLCERTVERIFY or WEFT_ESSL. ssl: the
 * connection, or NULL. The object is the caller's; NULL when there is no memory for one.
 */
int wf_tls_error(const SSL *ssl, const char *what, weft_error **ret_error);

/* The same as the current error: returns its code. */
int wf_tls_raise(const char *what);

#endif
