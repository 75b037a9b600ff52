/* assertion: who a client is, proved with a private key in place of a secret (private_key_jwt: RFC 7523,
 * sections 2.2 and 3): signed, short-lived JSON web tokens for the token endpoint. The only room that knows
 * OpenSSL's libcrypto. It keeps no state outside of its keys and never asks anybody for a password. */
#ifndef AUTH0PERM_CORE_ASSERTION_H
#define AUTH0PERM_CORE_ASSERTION_H

#include "error.h"

/* A private key and how to sign with it. After it was made it never changes: threads may share it. OpenSSL keeps
 * the key itself, in OpenSSL's own memory (whose 3.0 leaves copies of a key that it reads in memory that it gives
 * back); the rest comes from the allocator. */
struct assertion_key;

/* A new key, for assertion_key_free. `pem` is an unencrypted RSA private key of 2048 to 8192 bits, as PKCS#8 or
 * PKCS#1 in PEM form; it is not kept, and its owner wipes it. `algorithm` is "RS256", "RS384" or "PS256"; an empty
 * one means "RS256". NULL: ERROR_INVALID says what is wrong with which of the two and repeats neither, or
 * ERROR_MEMORY. (Short of memory, OpenSSL may fail without telling why: the key then seems invalid.) */
struct assertion_key *assertion_key_new(struct allocator allocator, struct text pem, struct text algorithm,
                                        struct error *error);

/* Wipes and frees. NULL is let pass. */
void assertion_key_free(struct assertion_key *key);

/* Appends a new assertion, of 2048 bytes at most: `client_id` speaks about itself to `audience` (both valid UTF-8,
 * not empty) at `epoch` (seconds since 1970, from the wall clock: the tenant compares it with its own). It is good
 * for 60 seconds and one use, so every request needs its own. False: nothing was appended (to a buffer without room
 * or memory the state tells so, as after any append), and the error is ERROR_INVALID (client_id and audience too
 * long for an assertion, the buffer too small, an epoch that counts no seconds, a key that OpenSSL does not sign
 * with), ERROR_TOKEN (OpenSSL has no random numbers) or ERROR_MEMORY. */
bool assertion_append(struct buffer *buffer, const struct assertion_key *key, struct text client_id,
                      struct text audience, double epoch, struct error *error);

#endif
