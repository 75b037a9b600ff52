/* assertion: authenticates a client with a private key instead of a secret (private_key_jwt: RFC 7523, sections 2.2 and
 * 3). It makes signed, short-lived JSON web tokens for the token endpoint. Only this file uses OpenSSL's libcrypto. It
 * keeps no state outside its keys and never prompts for a password. */
#ifndef AUTH0PERM_CORE_ASSERTION_H
#define AUTH0PERM_CORE_ASSERTION_H

#include "error.h"

/* A private key and the algorithm to sign with. It never changes once created, so threads may share it. OpenSSL holds
 * the key in its own memory (OpenSSL 3.0 frees copies that it makes while reading a key without wiping them); the rest
 * comes from the allocator. */
struct assertion_key;

/* Creates a key; free it with assertion_key_free. `pem` is an unencrypted RSA private key of 2048 to 8192 bits, PKCS#8
 * or PKCS#1 in PEM format. It is not kept; the caller wipes it. `algorithm` is "RS256", "RS384" or "PS256"; empty means
 * "RS256". Returns NULL on ERROR_INVALID, whose message names the wrong value without repeating it, or ERROR_MEMORY.
 * (When memory runs out, OpenSSL may fail without giving the reason; the key then seems invalid.) */
struct assertion_key *assertion_key_new(struct allocator allocator, struct text pem, struct text algorithm,
                                        struct error *error);

/* Wipes and frees the key. NULL is ignored. */
void assertion_key_free(struct assertion_key *key);

/* Appends a new assertion of at most 2048 bytes, issued by `client_id` for `audience` (both non-empty, valid UTF-8)
 * at `epoch` (seconds since 1970, from the wall clock: the tenant compares it with its own). It is valid for 60
 * seconds and one use, so every request needs a new one. Returns false and appends nothing on ERROR_INVALID
 * (client_id and audience too long, the buffer too small, an epoch that cannot be a time in seconds, a key that
 * OpenSSL cannot sign with), ERROR_TOKEN (OpenSSL has no random numbers) or ERROR_MEMORY. If the buffer was full or
 * memory ran out, the buffer's state says so, as after any append. */
bool assertion_append(struct buffer *buffer, const struct assertion_key *key, struct text client_id,
                      struct text audience, double epoch, struct error *error);

#endif
